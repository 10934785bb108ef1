-- Where each object's versions stand in the order of its stream: to find the version before one.
SELECT cluster, `group`, resource, namespace, name, epoch_ordinal, sequence, `index`
FROM resource_versions
WHERE tenant = {tenant:String}
  AND (cluster, `group`, resource, namespace, name) IN {objects:Array(Tuple(String, String, String, String, String))}
ORDER BY epoch_ordinal, sequence, `index`
