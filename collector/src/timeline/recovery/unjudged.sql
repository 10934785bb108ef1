WITH recorded AS (
  SELECT epoch, max(last_sequence) AS recorded_sequence
  FROM batch_commits
  WHERE tenant = {tenant:String} AND cluster = {cluster:String}
  GROUP BY epoch
)
SELECT sequence, `index`, control, `group`, kind, namespace, name, state, reason, bundle, at_us
FROM unjudged
WHERE tenant = {tenant:String} AND cluster = {cluster:String} AND state != 'cleared'
  AND (control, `group`, kind, namespace, name, epoch_ordinal, sequence, `index`) IN (
    SELECT control, `group`, kind, namespace, name, last.1, last.2, last.3
    FROM (
      SELECT control, `group`, kind, namespace, name, max((epoch_ordinal, sequence, `index`)) AS last
      FROM unjudged
      INNER JOIN recorded ON unjudged.epoch = recorded.epoch
      WHERE tenant = {tenant:String} AND cluster = {cluster:String} AND sequence <= recorded_sequence
      GROUP BY control, `group`, kind, namespace, name
    )
  )
