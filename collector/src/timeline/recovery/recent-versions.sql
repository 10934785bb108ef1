WITH recorded AS (
  SELECT epoch, max(last_sequence) AS recorded_sequence
  FROM batch_commits
  WHERE tenant = {tenant:String} AND cluster = {cluster:String}
  GROUP BY epoch
),
(
  SELECT max(newest_observed_at_us)
  FROM batch_commits
  WHERE tenant = {tenant:String} AND cluster = {cluster:String}
) AS newest_us
SELECT * FROM (
  SELECT resource_versions.epoch AS epoch, sequence, `group`, resource, kind, api_version, namespace, name, uid,
    resource_version, op, observed_at_us, not_before_us, paths, managers, synthesised, epoch_ordinal, `index`
  FROM resource_versions
  INNER JOIN recorded ON resource_versions.epoch = recorded.epoch
  WHERE tenant = {tenant:String} AND cluster = {cluster:String}
    AND observed_at_us >= newest_us - {spanUs:Int64} AND sequence <= recorded_sequence
  ORDER BY epoch_ordinal DESC, sequence DESC, `index` DESC
  LIMIT {entries:UInt64}
)
ORDER BY epoch_ordinal, sequence, `index`
