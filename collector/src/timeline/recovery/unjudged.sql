-- The collector's own stream (deadlines, new bundles) runs beside the agents' epochs: between the two the later moment counts,
-- within each the order of the stream.
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
      SELECT control, `group`, kind, namespace, name,
        maxIf((epoch_ordinal, sequence, `index`), unjudged.epoch != 'collector') AS seen,
        argMaxIf(at_us, (epoch_ordinal, sequence, `index`), unjudged.epoch != 'collector') AS seen_at_us,
        maxIf((epoch_ordinal, sequence, `index`), unjudged.epoch = 'collector') AS own,
        argMaxIf(at_us, (epoch_ordinal, sequence, `index`), unjudged.epoch = 'collector') AS own_at_us,
        if(own.2 > 0 AND (seen.2 = 0 OR own_at_us > seen_at_us), own, seen) AS last
      FROM unjudged
      INNER JOIN recorded ON unjudged.epoch = recorded.epoch
      WHERE tenant = {tenant:String} AND cluster = {cluster:String} AND sequence <= recorded_sequence
      GROUP BY control, `group`, kind, namespace, name
    )
  )
