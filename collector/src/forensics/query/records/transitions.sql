-- Transitions of a cluster's findings. The collector's own stream (deadlines, new bundles) runs beside the agents', so they are in the order of
-- their moments; within a stream that is its order.
SELECT t.epoch AS epoch, epoch_ordinal, sequence, `index`, finding_id, state, control, severity, title, `group`, kind, namespace, name, uid, path,
  value, reason, bundle, cause, at_us
FROM finding_transitions AS t
INNER JOIN recorded AS r ON t.cluster = r.cluster AND t.epoch = r.epoch
WHERE tenant = {tenant:String} AND t.cluster = {cluster:String}
  AND at_us > {sinceUs:Int64} AND at_us <= {untilUs:Int64}
  AND sequence <= r.recorded_sequence
  AND (at_us, epoch_ordinal, sequence, `index`) > ({afterAtUs:Int64}, {afterOrdinal:UInt32}, {afterSequence:UInt64}, {afterIndex:UInt32})
ORDER BY at_us, epoch_ordinal, sequence, `index`
LIMIT {limit:UInt32}
