-- The version before each of these, in the order of its stream. Only key columns are read.
SELECT cluster, `group`, resource, namespace, name, epoch_ordinal, sequence, `index`,
  before.1 AS before_ordinal, before.2 AS before_sequence, before.3 AS before_index, before.4 AS before_uid
FROM (
  SELECT v.cluster AS cluster, `group`, resource, namespace, name, epoch_ordinal, sequence, `index`,
    any((epoch_ordinal, sequence, `index`, uid)) OVER (
      PARTITION BY v.cluster, `group`, resource, namespace, name
      ORDER BY epoch_ordinal, sequence, `index`
      ROWS BETWEEN 1 PRECEDING AND 1 PRECEDING) AS before
  FROM resource_versions AS v
  WHERE tenant = {tenant:String}
    AND (v.cluster, `group`, resource, namespace, name) IN {objects:Array(Tuple(String, String, String, String, String))}
    AND sequence <= recorded_through(v.cluster, v.epoch)
)
WHERE (cluster, epoch_ordinal, sequence, `index`) IN {versions:Array(Tuple(String, UInt32, UInt64, UInt32))} AND before.2 > 0
