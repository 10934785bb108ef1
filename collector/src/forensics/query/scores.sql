-- The last point of every scope at a moment; see SCHEMA.md, Two kinds of streams. A scope that nothing counts for any more is left
-- out, unless it is the cluster.
SELECT cluster, scope, last.1 AS at_us, last.2 AS score, last.3 AS earned, last.4 AS possible, last.5 AS open_by_severity,
  last.6 AS passing, last.7 AS failing, last.8 AS excepted, last.9 AS not_assessable, last.10 AS unjudged
FROM (
  SELECT p.cluster AS cluster, scope,
    argMax((p.at_us, p.score, p.earned, p.possible, p.open_by_severity, p.passing, p.failing, p.excepted, p.not_assessable, p.unjudged),
      (after_own, p.epoch != 'collector', epoch_ordinal, sequence, `index`)) AS last
  FROM posture_samples AS p
  WHERE tenant = {tenant:String}
    AND ({cluster:String} = '' OR p.cluster = {cluster:String})
    AND ({scope:String} = '' OR scope = {scope:String})
    AND substringIndex(scope, ':', 1) IN {types:Array(String)}
    AND p.at_us <= {atUs:Int64}
    AND sequence <= recorded_through(p.cluster, p.epoch)
  GROUP BY cluster, scope
)
WHERE (possible + excepted + not_assessable + unjudged > 0 OR scope = 'cluster')
  AND (cluster, scope != 'cluster', scope) > ({afterCluster:String}, {afterIsPart:UInt8}, {afterScope:String})
ORDER BY cluster, scope != 'cluster', scope
LIMIT {limit:UInt32}
