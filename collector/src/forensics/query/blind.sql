-- Clusters in which a kind was not watched at a moment.
SELECT cluster FROM (
  SELECT c.cluster AS cluster, argMax(state, (epoch_ordinal, sequence, `index`)) AS last
  FROM coverage AS c
  WHERE tenant = {tenant:String} AND `group` = {group:String} AND resource = {resource:String}
    AND observed_at_us <= {atUs:Int64} AND sequence <= recorded_through(c.cluster, c.epoch)
  GROUP BY cluster
)
WHERE last NOT IN ('watched', 'gone')
