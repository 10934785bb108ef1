SELECT max(generation) AS generation FROM batch_commits
