WITH (
    SELECT groupArray((cluster, epoch, through))
    FROM (
      SELECT toString(cluster) AS cluster, toString(epoch) AS epoch, max(last_sequence) AS through
      FROM batch_commits
      WHERE tenant = {tenant:String}
      GROUP BY cluster, epoch
    )
  ) AS recorded,
  (cluster, epoch) -> transform(
    concat(cluster, '\0', epoch), arrayMap(stream -> concat(stream.1, '\0', stream.2), recorded), recorded.3, toUInt64(0)
  ) AS recorded_through
