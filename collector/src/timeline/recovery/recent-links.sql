-- A link counts as observed with the message that completed it: the newest observation of its batch stands for that.
WITH (
  SELECT max(newest_observed_at_us)
  FROM batch_commits
  WHERE tenant = {tenant:String} AND cluster = {cluster:String}
) AS newest_us
SELECT sequence, change_epoch, change_sequence, audit_digest, confidence, evidence, origin, user, groups,
  impersonated_user, source_ips, user_agent, verb, happened_at_us, `group`, resource, namespace, name, uid
FROM links
WHERE tenant = {tenant:String} AND cluster = {cluster:String}
  AND (epoch, sequence) IN (
    SELECT epoch, arrayJoin(range(first_sequence, last_sequence + 1))
    FROM batch_commits
    WHERE tenant = {tenant:String} AND cluster = {cluster:String}
      AND newest_observed_at_us >= newest_us - {spanUs:Int64} AND mapContains(row_counts, 'links')
  )
ORDER BY epoch_ordinal, sequence, `index`
