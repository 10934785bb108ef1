SELECT cluster, `group`, resource, last.1 AS kind, last.2 AS state, last.3 AS reason, last.4 AS observed_at_us
FROM (
  SELECT c.cluster AS cluster, `group`, resource,
    argMax((c.kind, c.state, c.reason, c.observed_at_us), (epoch_ordinal, sequence, `index`)) AS last
  FROM coverage AS c
  WHERE tenant = {tenant:String} AND ({cluster:String} = '' OR c.cluster = {cluster:String}) AND sequence <= recorded_through(c.cluster, c.epoch)
  GROUP BY cluster, `group`, resource
)
ORDER BY cluster, `group`, resource
