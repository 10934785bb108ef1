-- What could be seen of each kind of a cluster at a moment.
SELECT last.1 AS epoch, last.2 AS epoch_ordinal, last.3 AS sequence, last.4 AS `index`, `group`, resource, last.5 AS kind, last.6 AS state,
  last.7 AS reason, last.8 AS at_us
FROM (
  SELECT `group`, resource,
    argMax((c.epoch, epoch_ordinal, sequence, `index`, c.kind, c.state, c.reason, c.observed_at_us), (epoch_ordinal, sequence, `index`)) AS last
  FROM coverage AS c
  WHERE tenant = {tenant:String} AND c.cluster = {cluster:String}
    AND observed_at_us <= {atUs:Int64}
    AND sequence <= recorded_through(c.cluster, c.epoch)
    AND (`group`, resource) > ({afterGroup:String}, {afterResource:String})
  GROUP BY `group`, resource
)
ORDER BY `group`, resource
LIMIT {limit:UInt32}
