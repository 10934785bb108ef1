-- Names of the definitions of custom kinds whose last version that the commit rows cover is their deletion.
WITH recorded AS (
  SELECT epoch, max(last_sequence) AS recorded_sequence
  FROM batch_commits
  WHERE tenant = {tenant:String} AND cluster = {cluster:String}
  GROUP BY epoch
)
SELECT name
FROM resource_versions
INNER JOIN recorded ON resource_versions.epoch = recorded.epoch
WHERE tenant = {tenant:String} AND cluster = {cluster:String} AND sequence <= recorded_sequence
  AND `group` = 'apiextensions.k8s.io' AND resource = 'customresourcedefinitions'
GROUP BY name
HAVING argMax(op, (epoch_ordinal, sequence, `index`)) = 'deleted'
ORDER BY name
