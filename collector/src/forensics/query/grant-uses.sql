-- Requests that were allowed, by who made them: the one that was impersonated, where one was, and then `impersonate` of the one that
-- did. Of an object's name only those are kept that a rule names. The event's text is read of impersonations alone.
SELECT cluster, user, groups, verb, `group`, resource, subresource, namespace, name, count, last_us
FROM (
  SELECT a.cluster AS cluster, user, groups, verb, `group`, resource, subresource, namespace, if(has({names:Array(String)}, a.name), a.name, '') AS name,
    countIf(stage != 'ResponseStarted') AS count, max(happened_at_us) AS last_us
  FROM audit_events AS a
  WHERE tenant = {tenant:String} AND ({cluster:String} = '' OR a.cluster = {cluster:String}) AND sequence <= recorded_through(a.cluster, a.epoch)
    AND happened_at_us BETWEEN {sinceUs:Int64} AND {untilUs:Int64} AND resource != '' AND code NOT IN (401, 403) AND impersonated_user = ''
  GROUP BY ALL
  UNION ALL
  SELECT a.cluster AS cluster, impersonated_user AS user, JSONExtract(event, 'impersonatedUser', 'groups', 'Array(String)') AS groups, verb, `group`,
    resource, subresource, namespace, if(has({names:Array(String)}, a.name), a.name, '') AS name, countIf(stage != 'ResponseStarted') AS count,
    max(happened_at_us) AS last_us
  FROM audit_events AS a
  WHERE tenant = {tenant:String} AND ({cluster:String} = '' OR a.cluster = {cluster:String}) AND sequence <= recorded_through(a.cluster, a.epoch)
    AND happened_at_us BETWEEN {sinceUs:Int64} AND {untilUs:Int64} AND resource != '' AND code NOT IN (401, 403) AND impersonated_user != ''
  GROUP BY ALL
  UNION ALL
  SELECT a.cluster AS cluster, user, groups, 'impersonate' AS verb, '' AS `group`, if(startsWith(impersonated_user, 'system:serviceaccount:'),
    'serviceaccounts', 'users') AS resource, '' AS subresource, if(resource = 'serviceaccounts', splitByChar(':', impersonated_user)[3], '') AS namespace,
    if(resource = 'serviceaccounts', splitByChar(':', impersonated_user)[4], impersonated_user) AS name, countIf(stage != 'ResponseStarted') AS count,
    max(happened_at_us) AS last_us
  FROM audit_events AS a
  WHERE tenant = {tenant:String} AND ({cluster:String} = '' OR a.cluster = {cluster:String}) AND sequence <= recorded_through(a.cluster, a.epoch)
    AND happened_at_us BETWEEN {sinceUs:Int64} AND {untilUs:Int64} AND impersonated_user != ''
  GROUP BY ALL
)
ORDER BY ALL
LIMIT {limit:UInt32}
