SELECT `group`, resource, namespace, name, epoch_ordinal, sequence, `index`, body
FROM resource_versions
WHERE tenant = {tenant:String} AND cluster = {cluster:String}
  AND (`group`, resource, namespace, name) IN {objects:Array(Tuple(String, String, String, String))}
  AND (epoch_ordinal, sequence, `index`) IN {versions:Array(Tuple(UInt32, UInt64, UInt32))}
