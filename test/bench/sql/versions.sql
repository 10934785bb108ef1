SELECT
  sequence,
  resource_version,
  sequence IN (SELECT sequence FROM finding_transitions WHERE cluster = 'measured' AND epoch != 'collector') AS has_finding
FROM resource_versions
WHERE tenant = 'default' AND cluster = 'measured' AND sequence > {after:UInt64}
ORDER BY sequence
