-- The last row of each: what an agent's message made, judged after `after_own` of the collector's own stream (deadlines, new
-- bundles), comes before the next of that stream and after it (SCHEMA.md, Two kinds of streams).
WITH recorded AS (
  SELECT epoch, max(last_sequence) AS recorded_sequence
  FROM batch_commits
  WHERE tenant = {tenant:String} AND cluster = {cluster:String}
  GROUP BY epoch
)
SELECT epoch, sequence, `index`, finding_id, state, control, severity, title, `group`, kind, namespace, name, uid,
  path, value, reason, bundle, cause, at_us, after_own
FROM finding_transitions
WHERE tenant = {tenant:String} AND cluster = {cluster:String}
  AND (finding_id, epoch_ordinal, sequence, `index`) IN (
    SELECT finding_id, last.3, last.4, last.5
    FROM (
      SELECT finding_id,
        max((after_own, finding_transitions.epoch != 'collector', epoch_ordinal, sequence, `index`)) AS last
      FROM finding_transitions
      INNER JOIN recorded ON finding_transitions.epoch = recorded.epoch
      WHERE tenant = {tenant:String} AND cluster = {cluster:String} AND sequence <= recorded_sequence
      GROUP BY finding_id
    )
  )
