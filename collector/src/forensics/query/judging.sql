-- Evaluations that have no verdict now, and input that could not be read, ever. See SCHEMA.md, Two kinds of streams.
SELECT countIf(last = 'unjudged') AS unjudged, countIf(last = 'not-assessable') AS not_assessable,
  (
    SELECT count() FROM rejected AS x
    INNER JOIN recorded AS r ON x.cluster = r.cluster AND x.epoch = r.epoch
    WHERE tenant = {tenant:String} AND ({cluster:String} = '' OR x.cluster = {cluster:String}) AND sequence <= r.recorded_sequence
  ) AS rejected
FROM (
  SELECT u.cluster AS cluster, control, `group`, kind, namespace, name,
    argMax(u.state, (after_own, u.epoch != 'collector', epoch_ordinal, sequence, `index`)) AS last
  FROM unjudged AS u
  INNER JOIN recorded AS r ON u.cluster = r.cluster AND u.epoch = r.epoch
  WHERE tenant = {tenant:String} AND ({cluster:String} = '' OR u.cluster = {cluster:String}) AND sequence <= r.recorded_sequence
  GROUP BY cluster, control, `group`, kind, namespace, name
)
