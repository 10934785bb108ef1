-- The objects of all versions of these messages.
SELECT v.cluster AS cluster, v.epoch AS epoch, sequence, `group`, kind, namespace, name
FROM resource_versions AS v
WHERE tenant = {tenant:String} AND (v.cluster, v.epoch, sequence) IN {changes:Array(Tuple(String, String, UInt64))}
  AND observed_at_us >= {fromUs:Int64} AND observed_at_us <= {toUs:Int64}
  AND sequence <= recorded_through(v.cluster, v.epoch)
