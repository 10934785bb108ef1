-- The last transition of every finding; since when it has been open.
SELECT cluster, finding_id, `group`, kind, namespace, name, uid, control, path, opened_at_us,
  last.1 AS state, last.2 AS severity, last.3 AS title, last.4 AS value, last.5 AS reason, last.6 AS bundle, last.7 AS changed_at_us
FROM (
  SELECT cluster, finding_id, any(`group`) AS `group`, any(kind) AS kind, any(namespace) AS namespace, any(name) AS name, any(uid) AS uid,
    any(control) AS control, any(path) AS path, maxIf(at_us, state IN ('opened', 'reopened')) AS opened_at_us,
    argMax((state, severity, title, value, reason, bundle, at_us), (epoch_ordinal, sequence, `index`)) AS last
  FROM finding_transitions
  WHERE tenant = {tenant:String}
    AND ({cluster:String} = '' OR cluster = {cluster:String})
    AND ({kind:String} = '' OR (`group` = {group:String} AND kind = {kind:String}))
    AND ({namespace:String} = '' OR namespace = {namespace:String})
    AND ({name:String} = '' OR name = {name:String})
    AND ({control:String} = '' OR control = {control:String})
  GROUP BY cluster, finding_id
)
WHERE (multiIf(state = 'resolved', 'resolved', state = 'excepted', 'excepted', 'open') = {state:String} OR {state:String} = 'all')
  AND indexOf(['info', 'low', 'medium', 'high', 'critical'], severity) >= {minSeverity:UInt8}
ORDER BY indexOf(['info', 'low', 'medium', 'high', 'critical'], severity) DESC, cluster, namespace, kind, name, control, path
LIMIT {limit:UInt32} OFFSET {offset:UInt32}
