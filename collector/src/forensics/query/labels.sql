-- Labels of objects as they are now, or were last. Bodies are read of those versions only.
SELECT cluster, `group`, kind, namespace, name, JSONExtractRaw(body, 'metadata', 'labels') AS labels
FROM resource_versions
WHERE tenant = {tenant:String}
  AND (cluster, `group`, kind, namespace, name, epoch_ordinal, sequence, `index`) IN (
    SELECT cluster, `group`, kind, namespace, name, last.1, last.2, last.3
    FROM (
      SELECT v.cluster AS cluster, `group`, kind, namespace, name, max((epoch_ordinal, sequence, `index`)) AS last
      FROM resource_versions AS v
      WHERE tenant = {tenant:String} AND op != 'deleted'
        AND (v.cluster, `group`, kind, namespace, name) IN {objects:Array(Tuple(String, String, String, String, String))}
        AND sequence <= recorded_through(v.cluster, v.epoch)
      GROUP BY cluster, `group`, kind, namespace, name
    )
  )
