WITH recorded AS (
  SELECT epoch, max(last_sequence) AS recorded_sequence
  FROM batch_commits
  WHERE tenant = {tenant:String} AND cluster = {cluster:String}
  GROUP BY epoch
)
SELECT sequence, scope, earned, possible, score, open_by_severity, at_us
FROM posture_samples
WHERE tenant = {tenant:String} AND cluster = {cluster:String}
  AND (scope, epoch_ordinal, sequence, `index`) IN (
    SELECT scope, last.1, last.2, last.3
    FROM (
      SELECT scope, max((epoch_ordinal, sequence, `index`)) AS last
      FROM posture_samples
      INNER JOIN recorded ON posture_samples.epoch = recorded.epoch
      WHERE tenant = {tenant:String} AND cluster = {cluster:String} AND sequence <= recorded_sequence
      GROUP BY scope
    )
  )
