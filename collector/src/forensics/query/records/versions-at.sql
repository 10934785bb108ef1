-- The last version of every object of a cluster at a moment, of all kinds; what was deleted then is left out.
SELECT epoch, epoch_ordinal, sequence, `index`, `group`, resource, kind, api_version, namespace, name, uid, op, observed_at_us AS at_us, body
FROM resource_versions
WHERE tenant = {tenant:String} AND cluster = {cluster:String}
  AND (`group`, resource, namespace, name, epoch_ordinal, sequence, `index`) IN (
    SELECT `group`, resource, namespace, name, last.1, last.2, last.3
    FROM (
      SELECT `group`, resource, namespace, name, max((epoch_ordinal, sequence, `index`)) AS last,
        argMax(op, (epoch_ordinal, sequence, `index`)) AS last_op
      FROM resource_versions AS v
      WHERE tenant = {tenant:String} AND v.cluster = {cluster:String}
        AND observed_at_us <= {atUs:Int64}
        AND sequence <= recorded_through(v.cluster, v.epoch)
        AND (`group`, resource, namespace, name) > ({afterGroup:String}, {afterResource:String}, {afterNamespace:String}, {afterName:String})
      GROUP BY `group`, resource, namespace, name
    )
    WHERE last_op != 'deleted'
    ORDER BY `group`, resource, namespace, name
    LIMIT {limit:UInt32}
  )
ORDER BY `group`, resource, namespace, name
