-- The collector's own stream (deadlines, new bundles) runs beside the agents' epochs: between the two the later moment counts,
-- within each the order of the stream.
WITH recorded AS (
  SELECT epoch, max(last_sequence) AS recorded_sequence
  FROM batch_commits
  WHERE tenant = {tenant:String} AND cluster = {cluster:String}
  GROUP BY epoch
)
SELECT epoch, sequence, `index`, finding_id, state, control, severity, title, `group`, kind, namespace, name, uid,
  path, value, reason, bundle, cause, at_us
FROM finding_transitions
WHERE tenant = {tenant:String} AND cluster = {cluster:String}
  AND (finding_id, epoch_ordinal, sequence, `index`) IN (
    SELECT finding_id, last.1, last.2, last.3
    FROM (
      SELECT finding_id,
        maxIf((epoch_ordinal, sequence, `index`), finding_transitions.epoch != 'collector') AS seen,
        argMaxIf(at_us, (epoch_ordinal, sequence, `index`), finding_transitions.epoch != 'collector') AS seen_at_us,
        maxIf((epoch_ordinal, sequence, `index`), finding_transitions.epoch = 'collector') AS own,
        argMaxIf(at_us, (epoch_ordinal, sequence, `index`), finding_transitions.epoch = 'collector') AS own_at_us,
        if(own.2 > 0 AND (seen.2 = 0 OR own_at_us > seen_at_us), own, seen) AS last
      FROM finding_transitions
      INNER JOIN recorded ON finding_transitions.epoch = recorded.epoch
      WHERE tenant = {tenant:String} AND cluster = {cluster:String} AND sequence <= recorded_sequence
      GROUP BY finding_id
    )
  )
