-- Evaluations that have no verdict now, and input that could not be read, ever.
SELECT countIf(state = 'unjudged') AS unjudged, countIf(state = 'not-assessable') AS not_assessable,
  (SELECT count() FROM rejected WHERE tenant = {tenant:String} AND ({cluster:String} = '' OR cluster = {cluster:String})) AS rejected
FROM (
  SELECT argMax(state, (epoch_ordinal, sequence, `index`)) AS state FROM unjudged
  WHERE tenant = {tenant:String} AND ({cluster:String} = '' OR cluster = {cluster:String})
  GROUP BY cluster, control, `group`, kind, namespace, name
)
