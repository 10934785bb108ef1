  , (cluster, epoch) -> transform(
    concat(cluster, '\0', epoch), arrayMap(stream -> concat(stream.1, '\0', stream.2), recorded), recorded.3, toUInt64(0)
  ) AS recorded_through
