-- Which Kubernetes cluster a name stands for: the latest ordinal counts. A record: rows are only ever added, and the
-- deduplication token of an ordinal lets only the first of two gateways add it (SCHEMA.md, Bindings and claims).
CREATE TABLE IF NOT EXISTS cluster_bindings (
  tenant LowCardinality(String),
  cluster LowCardinality(String),
  binding_ordinal UInt32,
  cluster_uid String CODEC(ZSTD(1)),
  cause LowCardinality(String),
  epoch LowCardinality(String),
  instance String CODEC(ZSTD(1)),
  bound_at_us Int64,
  bound_at DateTime64(6, 'UTC') ALIAS fromUnixTimestamp64Micro(bound_at_us, 'UTC')
) ENGINE = MergeTree ORDER BY (tenant, cluster, binding_ordinal)
SETTINGS non_replicated_deduplication_window = 1000, fsync_after_insert = 1, fsync_part_directory = 1;

-- Which agent's stream holds a cluster, in fleet mode, so that any gateway knows. Working state, not a record: of a term
-- the latest row counts, and seen_at is the store's own clock.
CREATE TABLE IF NOT EXISTS cluster_claims (
  tenant LowCardinality(String),
  cluster LowCardinality(String),
  term UInt64,
  epoch LowCardinality(String),
  instance String,
  gateway String,
  is_released Bool,
  seen_at DateTime64(6, 'UTC') DEFAULT now64(6)
) ENGINE = ReplacingMergeTree(seen_at) ORDER BY (tenant, cluster, term)
SETTINGS non_replicated_deduplication_window = 1000, fsync_after_insert = 1, fsync_part_directory = 1;
