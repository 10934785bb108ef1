-- Input of a cluster's agent that could not be read, in the order of its streams.
SELECT x.epoch AS epoch, epoch_ordinal, sequence, `index`, source, reason, detail, bytes, observed_at_us AS at_us
FROM rejected AS x
WHERE tenant = {tenant:String} AND x.cluster = {cluster:String}
  AND observed_at_us > {sinceUs:Int64} AND observed_at_us <= {untilUs:Int64}
  AND sequence <= recorded_through(x.cluster, x.epoch)
  AND (epoch_ordinal, sequence, `index`) > ({afterOrdinal:UInt32}, {afterSequence:UInt64}, {afterIndex:UInt32})
ORDER BY epoch_ordinal, sequence, `index`
LIMIT {limit:UInt32}
