SELECT sequence, `index`, finding_id, state, control, severity, title, `group`, kind, namespace, name, uid, path, value, reason, bundle, cause, at_us, after_own
FROM finding_transitions
WHERE tenant = {tenant:String} AND cluster = {cluster:String} AND epoch = {epoch:String}
  AND sequence > {after:UInt64} AND sequence <= {through:UInt64}
ORDER BY sequence, `index`
