-- Links of changes, in the order they were recorded: the last one of a change counts, because a later event may fit better.
SELECT l.cluster AS cluster, change_epoch, change_sequence, `group`, resource, namespace, name, audit_digest, confidence, evidence, origin,
  user, groups, impersonated_user, source_ips, user_agent, verb, happened_at_us
FROM links AS l
WHERE tenant = {tenant:String}
  AND (l.cluster, `group`, resource, namespace, name) IN {objects:Array(Tuple(String, String, String, String, String))}
  AND (l.cluster, change_epoch, change_sequence) IN {changes:Array(Tuple(String, String, UInt64))}
  AND sequence <= recorded_through(l.cluster, l.epoch)
ORDER BY epoch_ordinal, sequence, `index`
