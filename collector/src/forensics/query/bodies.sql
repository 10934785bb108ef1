SELECT cluster, `group`, resource, namespace, name, epoch_ordinal, sequence, `index`, body
FROM resource_versions
WHERE tenant = {tenant:String}
  AND (cluster, `group`, resource, namespace, name) IN {objects:Array(Tuple(String, String, String, String, String))}
  AND (cluster, epoch_ordinal, sequence, `index`) IN {versions:Array(Tuple(String, UInt32, UInt64, UInt32))}
