-- The last recorded link of a change counts: a later event may fit better.
SELECT cluster, change_epoch, change_sequence, `group`, resource, namespace, name, audit_digest, confidence, evidence, origin,
  user, groups, impersonated_user, source_ips, user_agent, verb, happened_at_us
FROM links
WHERE tenant = {tenant:String}
  AND (cluster, `group`, resource, namespace, name) IN {objects:Array(Tuple(String, String, String, String, String))}
  AND (cluster, change_epoch, change_sequence) IN {changes:Array(Tuple(String, String, UInt64))}
ORDER BY epoch_ordinal, sequence, `index`
