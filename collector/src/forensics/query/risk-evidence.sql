-- Findings that stand, excepted ones too, by controls that show something of the object they are about.
SELECT cluster, `group`, kind, namespace, name, control, last.2 AS reason
FROM (
  SELECT t.cluster AS cluster, `group`, kind, namespace, name, control, finding_id,
    argMax((t.state, t.reason), (after_own, t.epoch != 'collector', epoch_ordinal, sequence, `index`)) AS last
  FROM finding_transitions AS t
  WHERE tenant = {tenant:String}
    AND control IN {controls:Array(String)}
    AND ({cluster:String} = '' OR t.cluster = {cluster:String})
    AND ({namespace:String} = '' OR namespace = {namespace:String})
    AND sequence <= recorded_through(t.cluster, t.epoch)
  GROUP BY cluster, `group`, kind, namespace, name, control, finding_id
)
WHERE last.1 != 'resolved'
ORDER BY cluster, `group`, kind, namespace, name, control, finding_id
