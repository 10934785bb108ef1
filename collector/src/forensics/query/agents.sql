-- What the timeline holds of each cluster, beside how far it is recorded.
SELECT c.cluster AS cluster, s.agent_version AS agent_version, s.kubernetes_version AS kubernetes_version, o.objects AS objects, g.gaps AS gaps
FROM (SELECT DISTINCT arrayJoin(recorded.1) AS cluster) AS c
LEFT JOIN (
  SELECT cluster, argMax(agent_version, connected_at_us) AS agent_version, argMax(kubernetes_version, connected_at_us) AS kubernetes_version
  FROM agent_sessions WHERE tenant = {tenant:String} GROUP BY cluster
) AS s ON s.cluster = c.cluster
LEFT JOIN (
  SELECT cluster, countIf(last_op != 'deleted') AS objects FROM (
    SELECT v.cluster AS cluster, argMax(op, (epoch_ordinal, sequence, `index`)) AS last_op
    FROM resource_versions AS v
    WHERE tenant = {tenant:String} AND ({cluster:String} = '' OR v.cluster = {cluster:String}) AND sequence <= recorded_through(v.cluster, v.epoch)
    GROUP BY cluster, `group`, resource, namespace, name
  ) GROUP BY cluster
) AS o ON o.cluster = c.cluster
LEFT JOIN (
  SELECT x.cluster AS cluster, count() AS gaps FROM gaps AS x
  WHERE tenant = {tenant:String} AND sequence <= recorded_through(x.cluster, x.epoch)
  GROUP BY cluster
) AS g ON g.cluster = c.cluster
WHERE {cluster:String} = '' OR c.cluster = {cluster:String}
