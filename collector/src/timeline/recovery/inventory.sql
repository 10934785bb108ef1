-- The last version of each object that the commit rows cover; bodies are read of those only.
WITH recorded AS (
  SELECT epoch, max(last_sequence) AS recorded_sequence
  FROM batch_commits
  WHERE tenant = {tenant:String} AND cluster = {cluster:String}
  GROUP BY epoch
)
SELECT epoch, sequence, `group`, resource, kind, api_version, namespace, name, uid, resource_version, op,
  observed_at_us, not_before_us, paths, body, managers, synthesised
FROM resource_versions
WHERE tenant = {tenant:String} AND cluster = {cluster:String} AND op != 'deleted'
  AND (`group`, resource, namespace, name, epoch_ordinal, sequence, `index`) IN (
    SELECT `group`, resource, namespace, name, last.1, last.2, last.3
    FROM (
      SELECT `group`, resource, namespace, name, max((epoch_ordinal, sequence, `index`)) AS last
      FROM resource_versions
      INNER JOIN recorded ON resource_versions.epoch = recorded.epoch
      WHERE tenant = {tenant:String} AND cluster = {cluster:String} AND sequence <= recorded_sequence
      GROUP BY `group`, resource, namespace, name
    )
  )
