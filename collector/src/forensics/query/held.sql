-- How many findings each exception holds now, by cluster and severity. See SCHEMA.md, Two kinds of streams. Only
-- findings that were ever excepted are looked at.
SELECT extract(reason, '^excepted by ([^ ]+) until ') AS exception, cluster, severity, count() AS findings
FROM (
  SELECT t.cluster AS cluster, finding_id,
    argMax((t.state, t.severity, t.reason), (after_own, t.epoch != 'collector', epoch_ordinal, sequence, `index`)) AS last,
    last.1 AS state, last.2 AS severity, last.3 AS reason
  FROM finding_transitions AS t
  WHERE tenant = {tenant:String}
    AND ({cluster:String} = '' OR t.cluster = {cluster:String})
    AND sequence <= recorded_through(t.cluster, t.epoch)
    AND (t.cluster, finding_id) IN (
      SELECT cluster, finding_id FROM finding_transitions
      WHERE tenant = {tenant:String} AND ({cluster:String} = '' OR cluster = {cluster:String}) AND state = 'excepted'
    )
  GROUP BY cluster, finding_id
)
WHERE state = 'excepted'
GROUP BY exception, cluster, severity
ORDER BY exception, findings DESC, cluster, severity
