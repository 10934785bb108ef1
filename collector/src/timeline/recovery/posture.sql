-- The last row of each: what an agent's message made, judged after `after_own` of the collector's own stream (deadlines, new
-- bundles), comes before the next of that stream and after it (SCHEMA.md, Two kinds of streams).
WITH recorded AS (
  SELECT epoch, max(last_sequence) AS recorded_sequence
  FROM batch_commits
  WHERE tenant = {tenant:String} AND cluster = {cluster:String}
  GROUP BY epoch
)
SELECT sequence, scope, earned, possible, score, open_by_severity, passing, failing, excepted, not_assessable, unjudged,
  is_baseline, at_us, after_own
FROM posture_samples
WHERE tenant = {tenant:String} AND cluster = {cluster:String}
  AND (scope, epoch_ordinal, sequence, `index`) IN (
    SELECT scope, last.3, last.4, last.5
    FROM (
      SELECT scope,
        max((after_own, posture_samples.epoch != 'collector', epoch_ordinal, sequence, `index`)) AS last
      FROM posture_samples
      INNER JOIN recorded ON posture_samples.epoch = recorded.epoch
      WHERE tenant = {tenant:String} AND cluster = {cluster:String} AND sequence <= recorded_sequence
      GROUP BY scope
    )
  )
