-- What a score is made of, and where falls are counted anew (SCHEMA.md, Scores). Points from before have 0 and false.
ALTER TABLE posture_samples ADD COLUMN IF NOT EXISTS passing UInt32 CODEC(ZSTD(1));
ALTER TABLE posture_samples ADD COLUMN IF NOT EXISTS failing UInt32 CODEC(ZSTD(1));
ALTER TABLE posture_samples ADD COLUMN IF NOT EXISTS excepted UInt32 CODEC(ZSTD(1));
ALTER TABLE posture_samples ADD COLUMN IF NOT EXISTS not_assessable UInt32 CODEC(ZSTD(1));
ALTER TABLE posture_samples ADD COLUMN IF NOT EXISTS unjudged UInt32 CODEC(ZSTD(1));
ALTER TABLE posture_samples ADD COLUMN IF NOT EXISTS is_baseline Bool;

CREATE TABLE IF NOT EXISTS score_regressions (
  tenant LowCardinality(String),
  cluster LowCardinality(String),
  epoch LowCardinality(String),
  epoch_ordinal UInt32,
  sequence UInt64 CODEC(Delta, ZSTD(1)),
  `index` UInt32 CODEC(ZSTD(1)),
  scope LowCardinality(String),
  from_score Float64 CODEC(ZSTD(1)),
  from_at_us Int64 CODEC(Delta, ZSTD(1)),
  score Float64 CODEC(ZSTD(1)),
  causes UInt32 CODEC(ZSTD(1)),
  finding_ids Array(LowCardinality(String)) CODEC(ZSTD(1)),
  change_ids Array(LowCardinality(String)) CODEC(ZSTD(1)),
  bundle LowCardinality(String),
  at_us Int64 CODEC(Delta, ZSTD(1)),
  after_own UInt64 CODEC(ZSTD(1)),
  at DateTime64(6, 'UTC') ALIAS fromUnixTimestamp64Micro(at_us, 'UTC')
) ENGINE = MergeTree
ORDER BY (tenant, cluster, scope, epoch_ordinal, sequence, `index`)
SETTINGS non_replicated_deduplication_window = 1000, fsync_after_insert = 1, fsync_part_directory = 1;
