-- Transitions of a cluster's findings in the order in which they were judged (SCHEMA.md, Two kinds of streams).
SELECT t.epoch AS epoch, epoch_ordinal, sequence, `index`, finding_id, state, control, severity, title, `group`, kind, namespace, name, uid, path,
  value, reason, bundle, cause, at_us, after_own, toUInt8(t.epoch != 'collector') AS of_agent
FROM finding_transitions AS t
WHERE tenant = {tenant:String} AND t.cluster = {cluster:String}
  AND at_us > {sinceUs:Int64} AND at_us <= {untilUs:Int64}
  AND sequence <= recorded_through(t.cluster, t.epoch)
  AND (after_own, of_agent, epoch_ordinal, sequence, `index`)
    > ({afterAfterOwn:UInt64}, {afterOfAgent:UInt8}, {afterOrdinal:UInt32}, {afterSequence:UInt64}, {afterIndex:UInt32})
ORDER BY after_own, of_agent, epoch_ordinal, sequence, `index`
LIMIT {limit:UInt32}
