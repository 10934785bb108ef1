-- Candidate changes, newest first, without bodies. First sights of objects that were there before are left out unless asked for;
-- a snapshot that differs from the version before it (after a gap) is a change like any other.
SELECT v.cluster AS cluster, v.epoch AS epoch, epoch_ordinal, sequence, `index`, `group`, resource, kind, api_version, namespace, name,
  uid, resource_version, op, observed_at_us, not_before_us, managers, synthesised
FROM resource_versions AS v
WHERE tenant = {tenant:String}
  AND ({cluster:String} = '' OR v.cluster = {cluster:String})
  AND ({resource:String} = '' OR (`group` = {group:String} AND resource = {resource:String}))
  AND ({namespace:String} = '' OR namespace = {namespace:String})
  AND ({name:String} = '' OR name = {name:String})
  AND observed_at_us >= {sinceUs:Int64} AND observed_at_us <= {untilUs:Int64}
  AND sequence <= recorded_through(v.cluster, v.epoch)
  AND ({snapshots:Bool} OR op != 'snapshot' OR notEmpty(paths))
  AND ({user:String} = '' OR (v.cluster, v.epoch, sequence) IN (
    SELECT cluster, change_epoch, change_sequence FROM links
    WHERE tenant = {tenant:String} AND (user = {user:String} OR impersonated_user = {user:String})))
  AND (NOT {violated:Bool} OR (v.cluster, v.epoch, sequence) IN (
    SELECT cluster, change_epoch, change_sequence FROM change_verdicts
    WHERE tenant = {tenant:String} AND state = 'fail'))
  AND (observed_at_us, v.cluster, epoch_ordinal, sequence, `index`)
    < ({beforeUs:Int64}, {beforeCluster:String}, {beforeOrdinal:UInt64}, {beforeSequence:UInt64}, {beforeIndex:UInt64})
ORDER BY observed_at_us DESC, cluster DESC, epoch_ordinal DESC, sequence DESC, `index` DESC
LIMIT {limit:UInt32}
