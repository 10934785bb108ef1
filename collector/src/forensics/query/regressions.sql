-- Scores that fell, newest first.
SELECT g.cluster AS cluster, g.epoch AS epoch, epoch_ordinal, sequence, `index`, scope, from_score, from_at_us, score, causes, finding_ids,
  change_ids, bundle, g.at_us AS at_us
FROM score_regressions AS g
WHERE tenant = {tenant:String}
  AND ({cluster:String} = '' OR g.cluster = {cluster:String})
  AND ({scope:String} = '' OR scope = {scope:String})
  AND (empty({types:Array(String)}) OR substringIndex(scope, ':', 1) IN {types:Array(String)})
  AND g.at_us >= {sinceUs:Int64} AND g.at_us <= {untilUs:Int64}
  AND (empty({changes:Array(String)}) OR hasAny(change_ids, {changes:Array(String)}))
  AND sequence <= recorded_through(g.cluster, g.epoch)
  AND (g.at_us, g.cluster, epoch_ordinal, sequence, `index`)
    < ({beforeUs:Int64}, {beforeCluster:String}, {beforeOrdinal:UInt64}, {beforeSequence:UInt64}, {beforeIndex:UInt64})
ORDER BY at_us DESC, cluster DESC, epoch_ordinal DESC, sequence DESC, `index` DESC
LIMIT {limit:UInt32}
