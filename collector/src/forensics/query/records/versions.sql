-- Versions of a cluster in the order of its streams, with their bodies. Bodies are read of the page only.
SELECT epoch, epoch_ordinal, sequence, `index`, `group`, resource, kind, api_version, namespace, name, uid, op, observed_at_us AS at_us, body
FROM resource_versions
WHERE tenant = {tenant:String} AND cluster = {cluster:String}
  AND (`group`, resource, namespace, name, epoch_ordinal, sequence, `index`) IN (
    SELECT `group`, resource, namespace, name, epoch_ordinal, sequence, `index`
    FROM resource_versions AS v
    WHERE tenant = {tenant:String} AND v.cluster = {cluster:String}
      AND observed_at_us > {sinceUs:Int64} AND observed_at_us <= {untilUs:Int64}
      AND sequence <= recorded_through(v.cluster, v.epoch)
      AND (epoch_ordinal, sequence, `index`) > ({afterOrdinal:UInt32}, {afterSequence:UInt64}, {afterIndex:UInt32})
    ORDER BY epoch_ordinal, sequence, `index`
    LIMIT {limit:UInt32}
  )
ORDER BY epoch_ordinal, sequence, `index`
