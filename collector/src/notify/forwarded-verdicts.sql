SELECT sequence, `index`, change_epoch, change_sequence, verdict_id, control, severity, title, state, state_before, reason, paths, user,
  `group`, resource, kind, namespace, name, uid, bundle, context, at_us
FROM change_verdicts
WHERE tenant = {tenant:String} AND cluster = {cluster:String} AND epoch = {epoch:String}
  AND sequence > {after:UInt64} AND sequence <= {through:UInt64} AND (state = 'fail' OR state_before = 'fail')
ORDER BY sequence, `index`
