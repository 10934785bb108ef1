-- What the audit log of a cluster shows: of each resource the reads and writes in it, and the changes that the watch saw meanwhile.
SELECT cluster, `group`, resource, subresource, sum(reads) AS reads, sum(writes) AS writes, sum(changes) AS changes, min(first_us) AS first_us
FROM (
  SELECT a.cluster AS cluster, `group`, resource, subresource, countIf(verb IN ('get', 'list', 'watch')) AS reads,
    countIf(verb NOT IN ('get', 'list', 'watch')) AS writes, 0 AS changes, min(happened_at_us) AS first_us
  FROM audit_events AS a
  WHERE tenant = {tenant:String} AND ({cluster:String} = '' OR a.cluster = {cluster:String}) AND sequence <= recorded_through(a.cluster, a.epoch)
    AND happened_at_us BETWEEN {sinceUs:Int64} AND {untilUs:Int64}
  GROUP BY cluster, `group`, resource, subresource
  UNION ALL
  SELECT v.cluster AS cluster, `group`, resource, '' AS subresource, 0 AS reads, 0 AS writes, count() AS changes, {untilUs:Int64} AS first_us
  FROM resource_versions AS v
  WHERE tenant = {tenant:String} AND ({cluster:String} = '' OR v.cluster = {cluster:String}) AND sequence <= recorded_through(v.cluster, v.epoch)
    AND observed_at_us BETWEEN {sinceUs:Int64} AND {untilUs:Int64} AND op != 'snapshot' AND NOT synthesised
  GROUP BY cluster, `group`, resource
)
GROUP BY cluster, `group`, resource, subresource
ORDER BY cluster, `group`, resource, subresource
