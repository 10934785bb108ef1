-- A link counts as observed with the message that completed it: the newest observation of its batch stands for that,
-- and observation times never run backwards within an epoch.
WITH (
  SELECT max(newest_observed_at_us)
  FROM batch_commits
  WHERE tenant = {tenant:String} AND cluster = {cluster:String}
) AS newest_us,
covered AS (
  SELECT epoch, min(first_sequence) AS from_sequence, max(last_sequence) AS to_sequence
  FROM batch_commits
  WHERE tenant = {tenant:String} AND cluster = {cluster:String} AND newest_observed_at_us >= newest_us - {spanUs:Int64}
  GROUP BY epoch
)
SELECT sequence, change_epoch, change_sequence, audit_digest, confidence, evidence, origin, user, groups,
  impersonated_user, source_ips, user_agent, verb, happened_at_us, `group`, resource, namespace, name, uid
FROM links
INNER JOIN covered ON links.epoch = covered.epoch
WHERE tenant = {tenant:String} AND cluster = {cluster:String} AND sequence BETWEEN from_sequence AND to_sequence
ORDER BY epoch_ordinal, sequence, `index`
