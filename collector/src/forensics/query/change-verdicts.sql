-- What controls say of changes, in the order it was recorded: the last row of a verdict counts.
SELECT w.cluster AS cluster, change_epoch, change_sequence, verdict_id, control, severity, title, state, reason, paths, user, `group`,
  resource, namespace, name, uid, bundle, at_us
FROM change_verdicts AS w
WHERE tenant = {tenant:String}
  AND (w.cluster, `group`, resource, namespace, name) IN {objects:Array(Tuple(String, String, String, String, String))}
  AND (w.cluster, change_epoch, change_sequence) IN {changes:Array(Tuple(String, String, UInt64))}
  AND sequence <= recorded_through(w.cluster, w.epoch)
ORDER BY epoch_ordinal, sequence, `index`
