-- The last row of each: what an agent's message made, judged after `after_own` of the collector's own stream (deadlines, new
-- bundles), comes before the next of that stream and after it (SCHEMA.md, Two kinds of streams).
WITH recorded AS (
  SELECT epoch, max(last_sequence) AS recorded_sequence
  FROM batch_commits
  WHERE tenant = {tenant:String} AND cluster = {cluster:String}
  GROUP BY epoch
)
SELECT sequence, `index`, control, `group`, kind, namespace, name, state, reason, bundle, at_us, after_own
FROM unjudged
WHERE tenant = {tenant:String} AND cluster = {cluster:String} AND state != 'cleared'
  AND (control, `group`, kind, namespace, name, epoch_ordinal, sequence, `index`) IN (
    SELECT control, `group`, kind, namespace, name, last.3, last.4, last.5
    FROM (
      SELECT control, `group`, kind, namespace, name,
        max((after_own, unjudged.epoch != 'collector', epoch_ordinal, sequence, `index`)) AS last
      FROM unjudged
      INNER JOIN recorded ON unjudged.epoch = recorded.epoch
      WHERE tenant = {tenant:String} AND cluster = {cluster:String} AND sequence <= recorded_sequence
      GROUP BY control, `group`, kind, namespace, name
    )
  )
