SELECT table, column, sum(column_bytes_on_disk) AS bytes
FROM system.parts_columns
WHERE database = currentDatabase() AND active
GROUP BY table, column
