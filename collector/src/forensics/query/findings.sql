-- The last transition of every finding; since when it has been open. The order of the collector's own stream (deadlines, new bundles)
-- and the agents' is that of SCHEMA.md, Two kinds of streams. Transitions keep the kind; the agent's coverage has its resource.
SELECT cluster, finding_id, `group`, kind, resource, namespace, name, uid, control, path, opened_at_us, reopened,
  last.1 AS at_us, last.2 AS state, last.3 AS severity, last.4 AS title, last.5 AS value, last.6 AS reason, last.7 AS bundle,
  indexOf(['info', 'low', 'medium', 'high', 'critical'], severity) AS rank
FROM (
  SELECT t.cluster AS cluster, finding_id, `group`, kind, namespace, name, control,
    any(t.uid) AS uid, any(t.path) AS path, maxIf(t.at_us, t.state IN ('opened', 'reopened')) AS opened_at_us,
    countIf(t.state = 'reopened') AS reopened,
    argMax((t.at_us, t.state, t.severity, t.title, t.value, t.reason, t.bundle),
      (after_own, t.epoch != 'collector', epoch_ordinal, sequence, `index`)) AS last
  FROM finding_transitions AS t
  WHERE tenant = {tenant:String}
    AND ({cluster:String} = '' OR t.cluster = {cluster:String})
    AND ({kind:String} = '' OR (`group` = {group:String} AND kind = {kind:String}))
    AND ({namespace:String} = '' OR namespace = {namespace:String})
    AND ({name:String} = '' OR name = {name:String})
    AND ({control:String} = '' OR control = {control:String})
    AND sequence <= recorded_through(t.cluster, t.epoch)
  GROUP BY cluster, finding_id, `group`, kind, namespace, name, control
) AS f
LEFT JOIN (
  SELECT cluster, `group`, kind, min(coverage.resource) AS resource
  FROM coverage
  WHERE tenant = {tenant:String} AND ({cluster:String} = '' OR cluster = {cluster:String})
  GROUP BY cluster, `group`, kind
) AS k USING (cluster, `group`, kind)
WHERE ({state:String} = 'all' OR multiIf(state = 'resolved', 'resolved', state = 'excepted', 'excepted', 'open') = {state:String})
  AND ({exception:String} = '' OR (state = 'excepted' AND startsWith(reason, concat('excepted by ', {exception:String}, ' until '))))
  AND rank >= {minRank:UInt8}
  AND (-toInt16(rank), cluster, namespace, kind, name, control, path, finding_id)
    > ({afterRank:Int16}, {afterCluster:String}, {afterNamespace:String}, {afterKind:String}, {afterName:String}, {afterControl:String},
       {afterPath:String}, {afterId:String})
ORDER BY -toInt16(rank), cluster, namespace, kind, name, control, path, finding_id
LIMIT {limit:UInt32}
