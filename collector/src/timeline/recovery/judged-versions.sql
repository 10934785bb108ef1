-- The changes that verdicts wait about, in recorded order, each with the place of the version before it. No bodies.
WITH recorded AS (
  SELECT epoch, max(last_sequence) AS recorded_sequence
  FROM batch_commits
  WHERE tenant = {tenant:String} AND cluster = {cluster:String}
  GROUP BY epoch
),
(
  SELECT max(newest_observed_at_us)
  FROM batch_commits
  WHERE tenant = {tenant:String} AND cluster = {cluster:String}
) AS newest_us,
waiting AS (
  SELECT DISTINCT `group`, resource, namespace, name, change_epoch, change_sequence
  FROM change_verdicts
  WHERE tenant = {tenant:String} AND cluster = {cluster:String} AND context != '' AND at_us >= newest_us - {spanUs:Int64}
)
SELECT * FROM (
  SELECT `group`, resource, namespace, name, uid, epoch, epoch_ordinal, sequence, `index`, op, observed_at_us,
    before.1 AS before_ordinal, before.2 AS before_sequence, before.3 AS before_index, before.4 AS before_uid
  FROM (
    SELECT `group`, resource, namespace, name, uid, v.epoch AS epoch, epoch_ordinal, sequence, `index`, op, observed_at_us,
      any((epoch_ordinal, sequence, `index`, uid)) OVER (
        PARTITION BY `group`, resource, namespace, name
        ORDER BY epoch_ordinal, sequence, `index`
        ROWS BETWEEN 1 PRECEDING AND 1 PRECEDING) AS before
    FROM resource_versions AS v
    INNER JOIN recorded AS r ON v.epoch = r.epoch
    WHERE tenant = {tenant:String} AND cluster = {cluster:String} AND sequence <= r.recorded_sequence
      AND (`group`, resource, namespace, name) IN (SELECT `group`, resource, namespace, name FROM waiting)
  )
  WHERE (`group`, resource, namespace, name, epoch, sequence) IN (SELECT * FROM waiting)
    AND observed_at_us >= newest_us - {spanUs:Int64}
  ORDER BY epoch_ordinal DESC, sequence DESC, `index` DESC
  LIMIT {entries:UInt64}
)
ORDER BY epoch_ordinal, sequence, `index`
