-- How far audit events explain the changes of the last day: changes without any event, and Audit-IDs with more than one content
-- (clients can choose them). Deletes that a list showed are left out: nobody can say which request they were.
SELECT c.cluster AS cluster, c.changes AS changes, c.unexplained AS unexplained, e.events AS events, e.ambiguous_ids AS ambiguous_ids
FROM (
  SELECT v.cluster AS cluster, count() AS changes, countIf(l.said IN ('', 'none')) AS unexplained
  FROM resource_versions AS v
  INNER JOIN (SELECT cluster, max(newest_observed_at_us) - 86400000000 AS since_us FROM batch_commits
    WHERE tenant = {tenant:String} GROUP BY cluster) AS n ON v.cluster = n.cluster
  LEFT JOIN (
    SELECT cluster, change_epoch, change_sequence, uid, argMax(confidence, (epoch_ordinal, sequence, `index`)) AS said
    FROM links WHERE tenant = {tenant:String} GROUP BY cluster, change_epoch, change_sequence, uid
  ) AS l ON v.cluster = l.cluster AND v.epoch = l.change_epoch AND v.sequence = l.change_sequence AND v.uid = l.uid
  WHERE tenant = {tenant:String} AND ({cluster:String} = '' OR v.cluster = {cluster:String}) AND v.sequence <= recorded_through(v.cluster, v.epoch)
    AND v.observed_at_us >= n.since_us AND op != 'snapshot' AND NOT synthesised
  GROUP BY cluster
) AS c
LEFT JOIN (
  SELECT cluster, sum(contents) AS events, countIf(contents > 1) AS ambiguous_ids
  FROM (
    SELECT a.cluster AS cluster, audit_id, stage, uniqExact(digest) AS contents
    FROM audit_events AS a
    INNER JOIN (SELECT cluster, max(newest_observed_at_us) - 86400000000 AS since_us FROM batch_commits
    WHERE tenant = {tenant:String} GROUP BY cluster) AS n ON a.cluster = n.cluster
    WHERE tenant = {tenant:String} AND a.sequence <= recorded_through(a.cluster, a.epoch) AND a.observed_at_us >= n.since_us
    GROUP BY cluster, audit_id, stage
  ) GROUP BY cluster
) AS e ON e.cluster = c.cluster
ORDER BY cluster
