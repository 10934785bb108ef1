SELECT cluster, scope, last.1 AS score, last.2 AS earned, last.3 AS possible, last.4 AS open_by_severity, last.5 AS at_us
FROM (
  SELECT cluster, scope, argMax((score, earned, possible, open_by_severity, at_us), (epoch_ordinal, sequence, `index`)) AS last
  FROM posture_samples
  WHERE tenant = {tenant:String}
    AND ({cluster:String} = '' OR cluster = {cluster:String})
    AND ({namespace:String} = '' OR scope = concat('namespace:', {namespace:String}))
    AND at_us <= {atUs:Int64}
  GROUP BY cluster, scope
)
ORDER BY cluster, scope = 'cluster' DESC, scope
