-- The last posture of every scope at a moment; see SCHEMA.md, Two kinds of streams. A scope in which nothing counts any more
-- is left out, unless it is the cluster.
SELECT cluster, scope, last.1 AS at_us, last.2 AS score, last.3 AS earned, last.4 AS possible, last.5 AS open_by_severity
FROM (
  SELECT p.cluster AS cluster, scope,
    argMax((p.at_us, p.score, p.earned, p.possible, p.open_by_severity),
      (after_own, p.epoch != 'collector', epoch_ordinal, sequence, `index`)) AS last
  FROM posture_samples AS p
  INNER JOIN recorded AS r ON p.cluster = r.cluster AND p.epoch = r.epoch
  WHERE tenant = {tenant:String}
    AND ({cluster:String} = '' OR p.cluster = {cluster:String})
    AND ({namespace:String} = '' OR scope = concat('namespace:', {namespace:String}))
    AND p.at_us <= {atUs:Int64}
    AND sequence <= r.recorded_sequence
  GROUP BY cluster, scope
)
WHERE possible > 0 OR scope = 'cluster'
ORDER BY cluster, scope = 'cluster' DESC, scope
