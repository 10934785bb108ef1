-- What findings are about, by their ids; their wording is the last one.
SELECT t.cluster AS cluster, finding_id, control, `group`, kind, namespace, name, any(t.uid) AS uid, any(t.path) AS path,
  argMax((t.title, t.severity), (after_own, t.epoch != 'collector', epoch_ordinal, sequence, `index`)) AS last,
  last.1 AS title, last.2 AS severity
FROM finding_transitions AS t
WHERE tenant = {tenant:String} AND (t.cluster, finding_id) IN {findings:Array(Tuple(String, String))} AND sequence <= recorded_through(t.cluster, t.epoch)
GROUP BY cluster, finding_id, control, `group`, kind, namespace, name
