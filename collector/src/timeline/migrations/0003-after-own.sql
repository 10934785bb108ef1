-- How far the collector's own stream had come when a row was judged: the order between the own stream and the agents'
-- (SCHEMA.md, Two kinds of streams). Rows from before have 0, and count as judged before anything of the own stream.
ALTER TABLE finding_transitions ADD COLUMN IF NOT EXISTS after_own UInt64 CODEC(ZSTD(1));
ALTER TABLE unjudged ADD COLUMN IF NOT EXISTS after_own UInt64 CODEC(ZSTD(1));
ALTER TABLE posture_samples ADD COLUMN IF NOT EXISTS after_own UInt64 CODEC(ZSTD(1));
