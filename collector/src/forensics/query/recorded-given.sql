WITH recorded AS (
  SELECT r.1 AS cluster, r.2 AS epoch, r.3 AS recorded_sequence
  FROM (SELECT arrayJoin({recorded:Array(Tuple(String, String, UInt64))}) AS r)
)
