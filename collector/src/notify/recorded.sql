-- How far each stream of a tenant is recorded, for streams with a commit since the moment.
SELECT tenant, cluster, epoch, max(last_sequence) AS through, max(batch_commits.recorded_at_us) AS recorded_at_us
FROM batch_commits
WHERE tenant = {tenant:String} AND batch_commits.recorded_at_us >= {sinceUs:Int64}
GROUP BY tenant, cluster, epoch
ORDER BY tenant, cluster, min(epoch_ordinal)
