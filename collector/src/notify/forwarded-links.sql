SELECT sequence, change_epoch, change_sequence, audit_digest, confidence, evidence, origin, user, groups, impersonated_user, source_ips,
  user_agent, verb, happened_at_us, `group`, resource, namespace, name, uid
FROM links
WHERE tenant = {tenant:String} AND cluster = {cluster:String} AND epoch = {epoch:String}
  AND sequence > {after:UInt64} AND sequence <= {through:UInt64} AND confidence != 'none'
ORDER BY sequence, `index`
