SELECT column AS column_name, sum(column_bytes_on_disk) AS bytes
FROM system.parts_columns
WHERE database = currentDatabase() AND table = {table:String} AND active
GROUP BY column
ORDER BY bytes DESC
