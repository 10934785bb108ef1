-- Evaluations that have no verdict now, and input that could not be read, ever. See SCHEMA.md, Two kinds of streams.
SELECT countIf(last = 'unjudged') AS unjudged, countIf(last = 'not-assessable') AS not_assessable,
  (
    SELECT count() FROM rejected AS x
    WHERE tenant = {tenant:String} AND ({cluster:String} = '' OR x.cluster = {cluster:String}) AND sequence <= recorded_through(x.cluster, x.epoch)
  ) AS rejected
FROM (
  SELECT u.cluster AS cluster, control, `group`, kind, namespace, name,
    argMax(u.state, (after_own, u.epoch != 'collector', epoch_ordinal, sequence, `index`)) AS last
  FROM unjudged AS u
  WHERE tenant = {tenant:String} AND ({cluster:String} = '' OR u.cluster = {cluster:String}) AND sequence <= recorded_through(u.cluster, u.epoch)
  GROUP BY cluster, control, `group`, kind, namespace, name
)
