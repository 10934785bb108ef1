-- The timeline. A statement ends with a line that ends in a semicolon; comments stand on lines of their own.
-- Every statement can run twice, because a crash between it and the record of its migration makes it run again.
-- SCHEMA.md explains the columns that all record tables share, the sort keys and the settings.

CREATE TABLE IF NOT EXISTS epochs (
  tenant LowCardinality(String),
  cluster LowCardinality(String),
  epoch LowCardinality(String),
  epoch_ordinal UInt32,
  first_seen_at_us Int64
) ENGINE = MergeTree ORDER BY (tenant, cluster, epoch_ordinal)
SETTINGS non_replicated_deduplication_window = 1000, fsync_after_insert = 1, fsync_part_directory = 1;

CREATE TABLE IF NOT EXISTS batch_commits (
  tenant LowCardinality(String),
  cluster LowCardinality(String),
  epoch LowCardinality(String),
  epoch_ordinal UInt32,
  first_sequence UInt64 CODEC(Delta, ZSTD(1)),
  last_sequence UInt64 CODEC(Delta, ZSTD(1)),
  row_counts Map(LowCardinality(String), UInt32) CODEC(ZSTD(1)),
  newest_observed_at_us Int64 CODEC(Delta, ZSTD(1)),
  recorded_at_us Int64 CODEC(Delta, ZSTD(1)),
  generation UInt64 CODEC(ZSTD(1)),
  chain_version UInt8 CODEC(ZSTD(1)),
  root FixedString(64) CODEC(ZSTD(1)),
  prev FixedString(64) CODEC(ZSTD(1)),
  link FixedString(64) CODEC(ZSTD(1)),
  recorded_at DateTime64(6, 'UTC') ALIAS fromUnixTimestamp64Micro(recorded_at_us, 'UTC')
) ENGINE = MergeTree
PARTITION BY if(recorded_at_us BETWEEN 1577836800000000 AND 4102444799999999, toYYYYMM(fromUnixTimestamp64Micro(recorded_at_us, 'UTC')), 0)
ORDER BY (tenant, cluster, epoch_ordinal, first_sequence)
SETTINGS non_replicated_deduplication_window = 1000, fsync_after_insert = 1, fsync_part_directory = 1;

CREATE TABLE IF NOT EXISTS resource_versions (
  tenant LowCardinality(String),
  cluster LowCardinality(String),
  epoch LowCardinality(String),
  epoch_ordinal UInt32,
  sequence UInt64 CODEC(Delta, ZSTD(1)),
  `index` UInt32 CODEC(ZSTD(1)),
  `group` LowCardinality(String),
  resource LowCardinality(String),
  kind LowCardinality(String),
  api_version LowCardinality(String),
  namespace LowCardinality(String),
  name String CODEC(ZSTD(1)),
  uid String CODEC(ZSTD(1)),
  resource_version String CODEC(ZSTD(1)),
  op LowCardinality(String),
  observed_at_us Int64 CODEC(Delta, ZSTD(1)),
  not_before_us Int64 CODEC(Delta, ZSTD(1)),
  paths Array(LowCardinality(String)) CODEC(ZSTD(1)),
  body String CODEC(ZSTD(3)),
  managers Array(Tuple(manager LowCardinality(String), operation LowCardinality(String), subresource LowCardinality(String), timeUs Int64, paths Array(LowCardinality(String)))) CODEC(ZSTD(1)),
  synthesised Bool,
  observed_at DateTime64(6, 'UTC') ALIAS fromUnixTimestamp64Micro(observed_at_us, 'UTC'),
  change_id String ALIAS concat(epoch, ':', toString(sequence)),
  INDEX uid_bloom uid TYPE bloom_filter GRANULARITY 4
) ENGINE = MergeTree
PARTITION BY if(observed_at_us BETWEEN 1577836800000000 AND 4102444799999999, toYYYYMM(fromUnixTimestamp64Micro(observed_at_us, 'UTC')), 0)
ORDER BY (tenant, cluster, `group`, resource, namespace, name, epoch_ordinal, sequence, `index`)
SETTINGS index_granularity = 1024, non_replicated_deduplication_window = 1000, fsync_after_insert = 1, fsync_part_directory = 1;

CREATE TABLE IF NOT EXISTS audit_events (
  tenant LowCardinality(String),
  cluster LowCardinality(String),
  epoch LowCardinality(String),
  epoch_ordinal UInt32,
  sequence UInt64 CODEC(Delta, ZSTD(1)),
  `index` UInt32 CODEC(ZSTD(1)),
  digest String CODEC(ZSTD(1)),
  audit_id String CODEC(ZSTD(1)),
  stage LowCardinality(String),
  level LowCardinality(String),
  verb LowCardinality(String),
  `group` LowCardinality(String),
  resource LowCardinality(String),
  subresource LowCardinality(String),
  namespace LowCardinality(String),
  name String CODEC(ZSTD(1)),
  uid String CODEC(ZSTD(1)),
  resource_version String CODEC(ZSTD(1)),
  user LowCardinality(String),
  groups Array(LowCardinality(String)) CODEC(ZSTD(1)),
  impersonated_user LowCardinality(String),
  source_ips Array(LowCardinality(String)) CODEC(ZSTD(1)),
  user_agent LowCardinality(String),
  code UInt32 CODEC(ZSTD(1)),
  happened_at_us Int64 CODEC(Delta, ZSTD(1)),
  observed_at_us Int64 CODEC(Delta, ZSTD(1)),
  dry_run Bool,
  event String CODEC(ZSTD(3)),
  happened_at DateTime64(6, 'UTC') ALIAS fromUnixTimestamp64Micro(happened_at_us, 'UTC'),
  observed_at DateTime64(6, 'UTC') ALIAS fromUnixTimestamp64Micro(observed_at_us, 'UTC'),
  INDEX digest_bloom digest TYPE bloom_filter GRANULARITY 4,
  INDEX uid_bloom uid TYPE bloom_filter GRANULARITY 4
) ENGINE = MergeTree
PARTITION BY if(observed_at_us BETWEEN 1577836800000000 AND 4102444799999999, toYYYYMM(fromUnixTimestamp64Micro(observed_at_us, 'UTC')), 0)
ORDER BY (tenant, cluster, `group`, resource, namespace, name, epoch_ordinal, sequence, `index`)
SETTINGS index_granularity = 2048, non_replicated_deduplication_window = 1000, fsync_after_insert = 1, fsync_part_directory = 1;

CREATE TABLE IF NOT EXISTS links (
  tenant LowCardinality(String),
  cluster LowCardinality(String),
  epoch LowCardinality(String),
  epoch_ordinal UInt32,
  sequence UInt64 CODEC(Delta, ZSTD(1)),
  `index` UInt32 CODEC(ZSTD(1)),
  change_epoch LowCardinality(String),
  change_sequence UInt64 CODEC(Delta, ZSTD(1)),
  audit_digest String CODEC(ZSTD(1)),
  confidence LowCardinality(String),
  evidence String CODEC(ZSTD(1)),
  origin LowCardinality(String),
  user LowCardinality(String),
  groups Array(LowCardinality(String)) CODEC(ZSTD(1)),
  impersonated_user LowCardinality(String),
  source_ips Array(LowCardinality(String)) CODEC(ZSTD(1)),
  user_agent LowCardinality(String),
  verb LowCardinality(String),
  happened_at_us Int64 CODEC(Delta, ZSTD(1)),
  `group` LowCardinality(String),
  resource LowCardinality(String),
  namespace LowCardinality(String),
  name String CODEC(ZSTD(1)),
  uid String CODEC(ZSTD(1)),
  happened_at DateTime64(6, 'UTC') ALIAS fromUnixTimestamp64Micro(happened_at_us, 'UTC'),
  change_id String ALIAS concat(change_epoch, ':', toString(change_sequence))
) ENGINE = MergeTree
ORDER BY (tenant, cluster, `group`, resource, namespace, name, change_epoch, change_sequence, epoch_ordinal, sequence, `index`)
SETTINGS index_granularity = 2048, non_replicated_deduplication_window = 1000, fsync_after_insert = 1, fsync_part_directory = 1;

CREATE TABLE IF NOT EXISTS finding_transitions (
  tenant LowCardinality(String),
  cluster LowCardinality(String),
  epoch LowCardinality(String),
  epoch_ordinal UInt32,
  sequence UInt64 CODEC(Delta, ZSTD(1)),
  `index` UInt32 CODEC(ZSTD(1)),
  finding_id String CODEC(ZSTD(1)),
  state LowCardinality(String),
  control LowCardinality(String),
  severity LowCardinality(String),
  title LowCardinality(String),
  `group` LowCardinality(String),
  kind LowCardinality(String),
  namespace LowCardinality(String),
  name String CODEC(ZSTD(1)),
  uid String CODEC(ZSTD(1)),
  path String CODEC(ZSTD(1)),
  value String CODEC(ZSTD(1)),
  reason String CODEC(ZSTD(1)),
  bundle LowCardinality(String),
  cause LowCardinality(String),
  at_us Int64 CODEC(Delta, ZSTD(1)),
  at DateTime64(6, 'UTC') ALIAS fromUnixTimestamp64Micro(at_us, 'UTC')
) ENGINE = MergeTree
ORDER BY (tenant, cluster, `group`, kind, namespace, name, control, finding_id, epoch_ordinal, sequence, `index`)
SETTINGS index_granularity = 2048, non_replicated_deduplication_window = 1000, fsync_after_insert = 1, fsync_part_directory = 1;

CREATE TABLE IF NOT EXISTS unjudged (
  tenant LowCardinality(String),
  cluster LowCardinality(String),
  epoch LowCardinality(String),
  epoch_ordinal UInt32,
  sequence UInt64 CODEC(Delta, ZSTD(1)),
  `index` UInt32 CODEC(ZSTD(1)),
  control LowCardinality(String),
  `group` LowCardinality(String),
  kind LowCardinality(String),
  namespace LowCardinality(String),
  name String CODEC(ZSTD(1)),
  state LowCardinality(String),
  reason String CODEC(ZSTD(1)),
  bundle LowCardinality(String),
  at_us Int64 CODEC(Delta, ZSTD(1)),
  at DateTime64(6, 'UTC') ALIAS fromUnixTimestamp64Micro(at_us, 'UTC')
) ENGINE = MergeTree
ORDER BY (tenant, cluster, `group`, kind, namespace, name, control, epoch_ordinal, sequence, `index`)
SETTINGS non_replicated_deduplication_window = 1000, fsync_after_insert = 1, fsync_part_directory = 1;

CREATE TABLE IF NOT EXISTS posture_samples (
  tenant LowCardinality(String),
  cluster LowCardinality(String),
  epoch LowCardinality(String),
  epoch_ordinal UInt32,
  sequence UInt64 CODEC(Delta, ZSTD(1)),
  `index` UInt32 CODEC(ZSTD(1)),
  scope LowCardinality(String),
  earned Float64 CODEC(ZSTD(1)),
  possible Float64 CODEC(ZSTD(1)),
  score Float64 CODEC(ZSTD(1)),
  open_by_severity Map(LowCardinality(String), UInt32) CODEC(ZSTD(1)),
  at_us Int64 CODEC(Delta, ZSTD(1)),
  at DateTime64(6, 'UTC') ALIAS fromUnixTimestamp64Micro(at_us, 'UTC')
) ENGINE = MergeTree
ORDER BY (tenant, cluster, scope, epoch_ordinal, sequence, `index`)
SETTINGS index_granularity = 2048, non_replicated_deduplication_window = 1000, fsync_after_insert = 1, fsync_part_directory = 1;

CREATE TABLE IF NOT EXISTS gaps (
  tenant LowCardinality(String),
  cluster LowCardinality(String),
  epoch LowCardinality(String),
  epoch_ordinal UInt32,
  sequence UInt64 CODEC(Delta, ZSTD(1)),
  `index` UInt32 CODEC(ZSTD(1)),
  `group` LowCardinality(String),
  resource LowCardinality(String),
  from_version String CODEC(ZSTD(1)),
  to_version String CODEC(ZSTD(1)),
  from_us Int64 CODEC(ZSTD(1)),
  to_us Int64 CODEC(ZSTD(1)),
  cause LowCardinality(String),
  detail String CODEC(ZSTD(1)),
  from_sequence UInt64 CODEC(ZSTD(1)),
  to_sequence UInt64 CODEC(ZSTD(1)),
  observed_at_us Int64 CODEC(Delta, ZSTD(1)),
  observed_at DateTime64(6, 'UTC') ALIAS fromUnixTimestamp64Micro(observed_at_us, 'UTC')
) ENGINE = MergeTree
ORDER BY (tenant, cluster, `group`, resource, epoch_ordinal, sequence, `index`)
SETTINGS non_replicated_deduplication_window = 1000, fsync_after_insert = 1, fsync_part_directory = 1;

CREATE TABLE IF NOT EXISTS coverage (
  tenant LowCardinality(String),
  cluster LowCardinality(String),
  epoch LowCardinality(String),
  epoch_ordinal UInt32,
  sequence UInt64 CODEC(Delta, ZSTD(1)),
  `index` UInt32 CODEC(ZSTD(1)),
  `group` LowCardinality(String),
  resource LowCardinality(String),
  kind LowCardinality(String),
  state LowCardinality(String),
  reason String CODEC(ZSTD(1)),
  observed_at_us Int64 CODEC(Delta, ZSTD(1)),
  observed_at DateTime64(6, 'UTC') ALIAS fromUnixTimestamp64Micro(observed_at_us, 'UTC')
) ENGINE = MergeTree
ORDER BY (tenant, cluster, `group`, resource, epoch_ordinal, sequence, `index`)
SETTINGS non_replicated_deduplication_window = 1000, fsync_after_insert = 1, fsync_part_directory = 1;

CREATE TABLE IF NOT EXISTS rejected (
  tenant LowCardinality(String),
  cluster LowCardinality(String),
  epoch LowCardinality(String),
  epoch_ordinal UInt32,
  sequence UInt64 CODEC(Delta, ZSTD(1)),
  `index` UInt32 CODEC(ZSTD(1)),
  source LowCardinality(String),
  reason LowCardinality(String),
  detail String CODEC(ZSTD(1)),
  bytes UInt64 CODEC(ZSTD(1)),
  observed_at_us Int64 CODEC(Delta, ZSTD(1)),
  observed_at DateTime64(6, 'UTC') ALIAS fromUnixTimestamp64Micro(observed_at_us, 'UTC')
) ENGINE = MergeTree
ORDER BY (tenant, cluster, epoch_ordinal, sequence, `index`)
SETTINGS non_replicated_deduplication_window = 1000, fsync_after_insert = 1, fsync_part_directory = 1;

-- What agents said about themselves when they connected: for status, not part of the chain.
CREATE TABLE IF NOT EXISTS agent_sessions (
  tenant LowCardinality(String),
  cluster LowCardinality(String),
  epoch LowCardinality(String),
  instance String CODEC(ZSTD(1)),
  agent_version LowCardinality(String),
  kubernetes_version LowCardinality(String),
  connected_at_us Int64 CODEC(Delta, ZSTD(1)),
  connected_at DateTime64(6, 'UTC') ALIAS fromUnixTimestamp64Micro(connected_at_us, 'UTC')
) ENGINE = MergeTree ORDER BY (tenant, cluster, connected_at_us)
SETTINGS non_replicated_deduplication_window = 1000, fsync_after_insert = 1, fsync_part_directory = 1;

-- How far each forwarder has come. Working state, not a record: the latest row of a name counts, older ones fade away.
CREATE TABLE IF NOT EXISTS cursors (
  name String,
  position String CODEC(ZSTD(1)),
  at_us Int64,
  at DateTime64(6, 'UTC') ALIAS fromUnixTimestamp64Micro(at_us, 'UTC')
) ENGINE = ReplacingMergeTree(at_us) ORDER BY name
SETTINGS non_replicated_deduplication_window = 1000, fsync_after_insert = 1, fsync_part_directory = 1;
