-- What the judging of these changes opened, resolved or altered. The changes are recorded, so their transitions are.
SELECT cluster, epoch, sequence, `index`, finding_id, state, control, severity, title, `group`, kind, namespace, name, uid, path, value,
  reason, bundle, cause, at_us, after_own
FROM finding_transitions
WHERE tenant = {tenant:String}
  AND at_us BETWEEN {fromUs:Int64} AND {toUs:Int64}
  AND (cluster, epoch, sequence) IN {changes:Array(Tuple(String, String, UInt64))}
  AND cause = 'change'
ORDER BY epoch_ordinal, sequence, `index`
