-- How far each stream is recorded, for streams with a commit since the moment.
SELECT tenant, cluster, epoch, any(epoch_ordinal) AS epoch_ordinal, max(last_sequence) AS through,
  max(batch_commits.recorded_at_us) AS recorded_at_us, max(batch_commits.newest_observed_at_us) AS newest_observed_at_us
FROM batch_commits
WHERE batch_commits.recorded_at_us >= {sinceUs:Int64}
GROUP BY tenant, cluster, epoch
