SELECT epoch, max(last_sequence) AS recorded_sequence, max(newest_observed_at_us) AS newest_observed_at_us
FROM batch_commits
WHERE tenant = {tenant:String} AND cluster = {cluster:String}
GROUP BY epoch
ORDER BY min(epoch_ordinal)
