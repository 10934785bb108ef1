SELECT cluster, `group`, resource, from_version, to_version, from_us, to_us, cause, detail, observed_at_us
FROM gaps
WHERE tenant = {tenant:String}
  AND ({cluster:String} = '' OR cluster = {cluster:String})
  AND ({atUs:Int64} = 0 OR (from_us <= {atUs:Int64} AND to_us >= {atUs:Int64}))
ORDER BY observed_at_us DESC, cluster, `group`, resource
LIMIT {limit:UInt32}
