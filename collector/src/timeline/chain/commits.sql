SELECT epoch, epoch_ordinal, first_sequence, last_sequence, row_counts, recorded_at_us, chain_version, root, prev, link
FROM batch_commits
WHERE tenant = {tenant:String} AND cluster = {cluster:String} AND epoch = {epoch:String}
  AND last_sequence <= {lastSequence:UInt64}
ORDER BY first_sequence, last_sequence, recorded_at_us
