-- The latest claim of each of these clusters, by the store's clock.
SELECT tenant, cluster, term, epoch, instance, gateway, is_released,
  greatest(0, dateDiff('millisecond', seen_at, now64(6))) AS silent_ms
FROM cluster_claims
WHERE (tenant, cluster) IN (SELECT arrayJoin(arrayZip({tenants:Array(String)}, {clusters:Array(String)})))
ORDER BY term DESC, seen_at DESC
LIMIT 1 BY tenant, cluster
