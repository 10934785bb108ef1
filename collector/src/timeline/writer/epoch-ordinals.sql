SELECT epoch, min(epoch_ordinal) AS epoch_ordinal
FROM epochs
WHERE tenant = {tenant:String} AND cluster = {cluster:String}
GROUP BY epoch
