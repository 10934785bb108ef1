SELECT query_id FROM system.processes
WHERE user = currentUser() AND query_kind = 'Insert'
