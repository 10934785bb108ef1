WITH recorded AS (
  SELECT cluster, epoch, max(last_sequence) AS recorded_sequence
  FROM batch_commits
  WHERE tenant = {tenant:String}
  GROUP BY cluster, epoch
)
