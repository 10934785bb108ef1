-- The last version of every object at a moment. Bodies are read of the page only.
SELECT cluster, `group`, resource, namespace, name, kind, api_version, resource_version, uid, observed_at_us, epoch, epoch_ordinal, sequence,
  `index`, body
FROM resource_versions
WHERE tenant = {tenant:String} AND `group` = {group:String} AND resource = {resource:String}
  AND (cluster, namespace, name, epoch_ordinal, sequence, `index`) IN (
    SELECT cluster, namespace, name, last.1, last.2, last.3
    FROM (
      SELECT v.cluster AS cluster, namespace, name, max((epoch_ordinal, sequence, `index`)) AS last,
        argMax(op, (epoch_ordinal, sequence, `index`)) AS last_op
      FROM resource_versions AS v
      WHERE tenant = {tenant:String}
        AND ({cluster:String} = '' OR v.cluster = {cluster:String})
        AND `group` = {group:String} AND resource = {resource:String}
        AND ({namespace:String} = '' OR namespace = {namespace:String})
        AND ({name:String} = '' OR name = {name:String})
        AND observed_at_us <= {atUs:Int64}
        AND sequence <= recorded_through(v.cluster, v.epoch)
        AND (v.cluster, namespace, name) > ({afterCluster:String}, {afterNamespace:String}, {afterName:String})
      GROUP BY cluster, namespace, name
    )
    WHERE last_op != 'deleted'
    ORDER BY cluster, namespace, name
    LIMIT {limit:UInt32}
  )
ORDER BY cluster, namespace, name
