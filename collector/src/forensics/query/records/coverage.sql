-- What could be seen of a cluster's kinds, in the order of its streams.
SELECT c.epoch AS epoch, epoch_ordinal, sequence, `index`, `group`, resource, kind, state, reason, observed_at_us AS at_us
FROM coverage AS c
WHERE tenant = {tenant:String} AND c.cluster = {cluster:String}
  AND observed_at_us > {sinceUs:Int64} AND observed_at_us <= {untilUs:Int64}
  AND sequence <= recorded_through(c.cluster, c.epoch)
  AND (epoch_ordinal, sequence, `index`) > ({afterOrdinal:UInt32}, {afterSequence:UInt64}, {afterIndex:UInt32})
ORDER BY epoch_ordinal, sequence, `index`
LIMIT {limit:UInt32}
