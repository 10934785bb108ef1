SELECT epoch, max(last_sequence) AS recorded_sequence
FROM batch_commits
WHERE tenant = {tenant:String} AND cluster = {cluster:String}
GROUP BY epoch
ORDER BY min(epoch_ordinal), epoch
