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
  SELECT audit_events.epoch AS epoch, sequence, digest, audit_id, stage, level, verb, `group`, resource, subresource,
    namespace, name, uid, resource_version, user, groups, impersonated_user, source_ips, user_agent, code,
    happened_at_us, observed_at_us, dry_run, epoch_ordinal, `index`,
    JSONExtractString(event, 'requestURI') AS request_uri,
    JSONExtractString(event, 'requestReceivedTimestamp') AS received_at,
    JSONExtractString(event, 'objectRef', 'resourceVersion') AS ref_version,
    JSONExtractString(event, 'requestObject', 'metadata', 'resourceVersion') AS object_version
  FROM audit_events
  INNER JOIN recorded ON audit_events.epoch = recorded.epoch
  WHERE tenant = {tenant:String} AND cluster = {cluster:String}
    AND observed_at_us >= newest_us - {spanUs:Int64} AND sequence <= recorded_sequence
  ORDER BY epoch_ordinal DESC, sequence DESC, `index` DESC
  LIMIT {entries:UInt64}
)
ORDER BY epoch_ordinal, sequence, `index`
