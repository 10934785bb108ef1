-- Gaps, newest first. One without a resource is a gap in everything.
SELECT g.cluster AS cluster, `group`, resource, from_version, to_version, from_us, to_us, cause, detail, observed_at_us
FROM gaps AS g
WHERE tenant = {tenant:String}
  AND ({cluster:String} = '' OR g.cluster = {cluster:String})
  AND ({resource:String} = '' OR resource = '' OR (`group` = {group:String} AND resource = {resource:String}))
  AND ({atUs:Int64} = 0 OR (from_us <= {atUs:Int64} AND to_us >= {atUs:Int64}))
  AND sequence <= recorded_through(g.cluster, g.epoch)
ORDER BY observed_at_us DESC, cluster, `group`, resource
LIMIT {limit:UInt32}
