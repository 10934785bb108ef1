SELECT cluster, `group`, resource, last.1 AS kind, last.2 AS state, last.3 AS reason, last.4 AS observed_at_us
FROM (
  SELECT cluster, `group`, resource, argMax((kind, state, reason, observed_at_us), (epoch_ordinal, sequence, `index`)) AS last
  FROM coverage
  WHERE tenant = {tenant:String} AND ({cluster:String} = '' OR cluster = {cluster:String})
  GROUP BY cluster, `group`, resource
)
ORDER BY cluster, `group`, resource
