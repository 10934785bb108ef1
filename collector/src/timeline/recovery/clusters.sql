SELECT DISTINCT tenant, cluster FROM batch_commits ORDER BY tenant, cluster
