-- What the timeline knows of each cluster's agent: its newest epoch, how far it is recorded, and how late.
SELECT c.cluster AS cluster, c.epoch AS epoch, c.recorded_sequence AS recorded_sequence, c.recorded_at_us AS recorded_at_us,
  c.newest_observed_at_us AS newest_observed_at_us, s.agent_version AS agent_version, s.kubernetes_version AS kubernetes_version,
  o.objects AS objects, g.gaps AS gaps
FROM (
  SELECT cluster, argMax(epoch, (epoch_ordinal, last_sequence)) AS epoch, argMax(last_sequence, (epoch_ordinal, last_sequence)) AS recorded_sequence,
    argMax(recorded_at_us, (epoch_ordinal, last_sequence)) AS recorded_at_us,
    argMax(newest_observed_at_us, (epoch_ordinal, last_sequence)) AS newest_observed_at_us
  FROM batch_commits WHERE tenant = {tenant:String} AND ({cluster:String} = '' OR cluster = {cluster:String})
  GROUP BY cluster
) AS c
LEFT JOIN (
  SELECT cluster, argMax(agent_version, connected_at_us) AS agent_version, argMax(kubernetes_version, connected_at_us) AS kubernetes_version
  FROM agent_sessions WHERE tenant = {tenant:String} GROUP BY cluster
) AS s ON s.cluster = c.cluster
LEFT JOIN (
  SELECT cluster, countIf(op != 'deleted') AS objects FROM (
    SELECT cluster, argMax(op, (epoch_ordinal, sequence, `index`)) AS op FROM resource_versions
    WHERE tenant = {tenant:String} GROUP BY cluster, `group`, resource, namespace, name
  ) GROUP BY cluster
) AS o ON o.cluster = c.cluster
LEFT JOIN (
  SELECT cluster, count() AS gaps FROM gaps WHERE tenant = {tenant:String} GROUP BY cluster
) AS g ON g.cluster = c.cluster
ORDER BY cluster
