SELECT
  table,
  sum(bytes_on_disk) AS bytes,
  count() AS parts,
  (SELECT count() FROM system.merges) AS merging
FROM system.parts
WHERE database = currentDatabase() AND active
GROUP BY table
