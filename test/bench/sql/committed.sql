SELECT max(last_sequence) AS sequence
FROM batch_commits
WHERE tenant = 'default' AND cluster = 'measured' AND epoch != 'collector'
