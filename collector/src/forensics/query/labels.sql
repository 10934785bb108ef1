-- Labels of objects as they are now, or were last.
SELECT cluster, `group`, kind, namespace, name,
  argMaxIf(JSONExtractRaw(body, 'metadata', 'labels'), (epoch_ordinal, sequence, `index`), body != '') AS labels
FROM resource_versions
WHERE tenant = {tenant:String}
  AND (cluster, `group`, kind, namespace, name) IN {objects:Array(Tuple(String, String, String, String, String))}
GROUP BY cluster, `group`, kind, namespace, name
