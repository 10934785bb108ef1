-- What another requester may still change: the last row of each verdict that has a context.
WITH recorded AS (
  SELECT epoch, max(last_sequence) AS recorded_sequence
  FROM batch_commits
  WHERE tenant = {tenant:String} AND cluster = {cluster:String}
  GROUP BY epoch
),
(
  SELECT max(newest_observed_at_us)
  FROM batch_commits
  WHERE tenant = {tenant:String} AND cluster = {cluster:String}
) AS newest_us
SELECT sequence, change_epoch, change_sequence, verdict_id, control, severity, title, state, state_before, reason, paths,
  user, `group`, resource, kind, namespace, name, uid, bundle, context, at_us
FROM change_verdicts
WHERE tenant = {tenant:String} AND cluster = {cluster:String} AND context != ''
  AND (verdict_id, epoch_ordinal, sequence, `index`) IN (
    SELECT verdict_id, last.1, last.2, last.3
    FROM (
      SELECT verdict_id, max((epoch_ordinal, sequence, `index`)) AS last
      FROM change_verdicts
      INNER JOIN recorded ON change_verdicts.epoch = recorded.epoch
      WHERE tenant = {tenant:String} AND cluster = {cluster:String} AND sequence <= recorded_sequence
        AND context != '' AND at_us >= newest_us - {spanUs:Int64}
      GROUP BY verdict_id
    )
  )
ORDER BY `index`
