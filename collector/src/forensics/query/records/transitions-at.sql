-- The last transition of every finding of a cluster at a moment; what was resolved then is left out. See SCHEMA.md, Two kinds of streams.
SELECT last.1 AS epoch, last.2 AS epoch_ordinal, last.3 AS sequence, last.4 AS `index`, finding_id, last.5 AS state, control,
  last.6 AS severity, last.7 AS title, `group`, kind, namespace, name, uid, path, last.8 AS value, last.9 AS reason, last.10 AS bundle,
  last.11 AS cause, last.12 AS at_us
FROM (
  SELECT finding_id, `group`, kind, namespace, name, control, any(t.uid) AS uid, any(t.path) AS path,
    argMax((t.epoch, epoch_ordinal, sequence, `index`, t.state, t.severity, t.title, t.value, t.reason, t.bundle, t.cause, t.at_us),
      (after_own, t.epoch != 'collector', epoch_ordinal, sequence, `index`)) AS last
  FROM finding_transitions AS t
  WHERE tenant = {tenant:String} AND t.cluster = {cluster:String}
    AND at_us <= {atUs:Int64}
    AND sequence <= recorded_through(t.cluster, t.epoch)
    AND finding_id > {afterId:String}
  GROUP BY finding_id, `group`, kind, namespace, name, control
)
WHERE state != 'resolved'
ORDER BY finding_id
LIMIT {limit:UInt32}
