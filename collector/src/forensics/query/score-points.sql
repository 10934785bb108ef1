-- Points of scores within a time, oldest first, and of each scope the last one before it.
SELECT p.cluster AS cluster, scope, p.at_us AS at_us, sequence, score, earned, possible, open_by_severity,
  passing, failing, excepted, not_assessable, unjudged
FROM posture_samples AS p
WHERE tenant = {tenant:String}
  AND ({cluster:String} = '' OR p.cluster = {cluster:String})
  AND ({scope:String} = '' OR scope = {scope:String})
  AND substringIndex(scope, ':', 1) IN {types:Array(String)}
  AND sequence <= recorded_through(p.cluster, p.epoch)
  AND p.at_us <= {untilUs:Int64}
  AND (p.at_us >= {sinceUs:Int64} OR (p.cluster, scope, p.at_us) IN (
    SELECT b.cluster, b.scope, max(b.at_us) FROM posture_samples AS b
    WHERE b.tenant = {tenant:String} AND b.at_us < {sinceUs:Int64} AND b.sequence <= recorded_through(b.cluster, b.epoch)
    GROUP BY b.cluster, b.scope))
  AND (p.cluster, scope, p.at_us, sequence) > ({afterCluster:String}, {afterScope:String}, {afterUs:Int64}, {afterSequence:UInt64})
ORDER BY cluster, scope, at_us, sequence
LIMIT {limit:UInt32}
