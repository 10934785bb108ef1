SELECT sequence, `index`, scope, from_score, from_at_us, score, causes, finding_ids, change_ids, bundle, at_us, after_own
FROM score_regressions
WHERE tenant = {tenant:String} AND cluster = {cluster:String} AND epoch = {epoch:String}
  AND sequence > {after:UInt64} AND sequence <= {through:UInt64}
ORDER BY sequence, `index`
