SELECT last_sequence, link, epoch_ordinal
FROM batch_commits
WHERE tenant = {tenant:String} AND cluster = {cluster:String} AND epoch = {epoch:String}
ORDER BY last_sequence DESC
LIMIT 1
