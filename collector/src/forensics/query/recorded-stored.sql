WITH (
    SELECT groupArray((cluster, epoch, through))
    FROM (
      SELECT toString(cluster) AS cluster, toString(epoch) AS epoch, max(last_sequence) AS through
      FROM batch_commits
      WHERE tenant = {tenant:String}
      GROUP BY cluster, epoch
    )
  ) AS recorded
