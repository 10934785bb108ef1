-- The last version of every object at a moment.
SELECT cluster, `group`, resource, namespace, name,
  last.1 AS op, last.2 AS kind, last.3 AS api_version, last.4 AS resource_version, last.5 AS uid, last.6 AS observed_at_us,
  last.7 AS epoch, last.8 AS sequence, last.9 AS `index`, last.10 AS body
FROM (
  SELECT cluster, `group`, resource, namespace, name,
    argMax((op, kind, api_version, resource_version, uid, observed_at_us, epoch, sequence, `index`, body), (epoch_ordinal, sequence, `index`)) AS last
  FROM resource_versions
  WHERE tenant = {tenant:String}
    AND ({cluster:String} = '' OR cluster = {cluster:String})
    AND `group` = {group:String} AND resource = {resource:String}
    AND ({namespace:String} = '' OR namespace = {namespace:String})
    AND ({name:String} = '' OR name = {name:String})
    AND observed_at_us <= {atUs:Int64}
  GROUP BY cluster, `group`, resource, namespace, name
)
WHERE op != 'deleted'
ORDER BY cluster, namespace, name
LIMIT {limit:UInt32} OFFSET {offset:UInt32}
