-- What controls say of changes: the last recorded row of (change, object, control) counts (SCHEMA.md).
CREATE TABLE IF NOT EXISTS change_verdicts (
  tenant LowCardinality(String),
  cluster LowCardinality(String),
  epoch LowCardinality(String),
  epoch_ordinal UInt32,
  sequence UInt64 CODEC(Delta, ZSTD(1)),
  `index` UInt32 CODEC(ZSTD(1)),
  change_epoch LowCardinality(String),
  change_sequence UInt64 CODEC(Delta, ZSTD(1)),
  verdict_id String CODEC(ZSTD(1)),
  control LowCardinality(String),
  severity LowCardinality(String),
  title LowCardinality(String),
  state LowCardinality(String),
  state_before LowCardinality(String),
  reason String CODEC(ZSTD(1)),
  paths Array(LowCardinality(String)) CODEC(ZSTD(1)),
  user LowCardinality(String),
  `group` LowCardinality(String),
  resource LowCardinality(String),
  kind LowCardinality(String),
  namespace LowCardinality(String),
  name String CODEC(ZSTD(1)),
  uid String CODEC(ZSTD(1)),
  bundle LowCardinality(String),
  context String CODEC(ZSTD(3)),
  at_us Int64 CODEC(Delta, ZSTD(1)),
  at DateTime64(6, 'UTC') ALIAS fromUnixTimestamp64Micro(at_us, 'UTC'),
  change_id String ALIAS concat(change_epoch, ':', toString(change_sequence))
) ENGINE = MergeTree
ORDER BY (tenant, cluster, `group`, resource, namespace, name, change_epoch, change_sequence, control, epoch_ordinal, sequence, `index`)
SETTINGS index_granularity = 2048, non_replicated_deduplication_window = 1000, fsync_after_insert = 1, fsync_part_directory = 1;
