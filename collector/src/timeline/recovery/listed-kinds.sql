SELECT `group`, resource, toBool(max(reason = {complete:String})) AS is_complete
FROM coverage
WHERE tenant = {tenant:String} AND cluster = {cluster:String} AND epoch = {epoch:String}
  AND reason IN ({complete:String}, {open:String})
  AND sequence <= (
    SELECT max(last_sequence)
    FROM batch_commits
    WHERE tenant = {tenant:String} AND cluster = {cluster:String} AND epoch = {epoch:String}
  )
GROUP BY `group`, resource
