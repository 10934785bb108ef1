SELECT binding_ordinal, cluster_uid, bound_at_us
FROM cluster_bindings
WHERE tenant = {tenant:String} AND cluster = {cluster:String}
ORDER BY binding_ordinal DESC, bound_at_us
LIMIT 1
