-- What could be seen of a cluster's kinds, in the order of its streams.
SELECT c.epoch AS epoch, epoch_ordinal, sequence, `index`, `group`, resource, kind, state, reason, observed_at_us AS at_us
FROM coverage AS c
INNER JOIN recorded AS r ON c.cluster = r.cluster AND c.epoch = r.epoch
WHERE tenant = {tenant:String} AND c.cluster = {cluster:String}
  AND observed_at_us > {sinceUs:Int64} AND observed_at_us <= {untilUs:Int64}
  AND sequence <= r.recorded_sequence
  AND (epoch_ordinal, sequence, `index`) > ({afterOrdinal:UInt32}, {afterSequence:UInt64}, {afterIndex:UInt32})
ORDER BY epoch_ordinal, sequence, `index`
LIMIT {limit:UInt32}
