WITH recorded AS (
  SELECT epoch, max(last_sequence) AS recorded_sequence
  FROM batch_commits
  WHERE tenant = {tenant:String} AND cluster = {cluster:String}
  GROUP BY epoch
)
SELECT sequence, `group`, resource, kind, state, reason, observed_at_us
FROM coverage
WHERE tenant = {tenant:String} AND cluster = {cluster:String}
  AND (`group`, resource, epoch_ordinal, sequence, `index`) IN (
    SELECT `group`, resource, last.1, last.2, last.3
    FROM (
      SELECT `group`, resource, max((epoch_ordinal, sequence, `index`)) AS last
      FROM coverage
      INNER JOIN recorded ON coverage.epoch = recorded.epoch
      WHERE tenant = {tenant:String} AND cluster = {cluster:String} AND sequence <= recorded_sequence
      GROUP BY `group`, resource
    )
  )
