-- Points of scores within a span before the newest one, in the order in which they were judged.
WITH recorded AS (
  SELECT epoch, max(last_sequence) AS recorded_sequence
  FROM batch_commits
  WHERE tenant = {tenant:String} AND cluster = {cluster:String}
  GROUP BY epoch
)
SELECT sequence, scope, earned, possible, score, open_by_severity, passing, failing, excepted, not_assessable, unjudged,
  is_baseline, at_us, after_own
FROM posture_samples
INNER JOIN recorded ON posture_samples.epoch = recorded.epoch
WHERE tenant = {tenant:String} AND cluster = {cluster:String} AND sequence <= recorded_sequence
  AND at_us >= (
    SELECT max(newest.at_us) FROM posture_samples AS newest WHERE newest.tenant = {tenant:String} AND newest.cluster = {cluster:String}
  ) - {spanUs:Int64}
ORDER BY after_own, posture_samples.epoch != 'collector', epoch_ordinal, sequence, `index`
