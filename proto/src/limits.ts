/** Bounds of the protocol: both ends refuse what passes them. PROTOCOL.md lists them. */

/** Messages in one batch. */
export const maxMessagesPerBatch = 16_384;

/** Field managers in all deltas of one batch: sixteen for each message of a full one. */
export const maxManagersPerBatch = 16 * maxMessagesPerBatch;

/** Paths of all field managers in one batch. */
export const maxManagerPathsPerBatch = 4 * 1024 * 1024;

/** Bytes of one batch after decompression. Holds the largest object the API server stores, redacted, with room. */
export const maxUncompressedBatchBytes = 16 * 1024 * 1024;

/** Bytes of one batch on the wire, after compression. */
export const maxCompressedBatchBytes = 8 * 1024 * 1024;

/** Bytes of one frame on the wire: the gRPC message limit of both ends. */
export const maxFrameBytes = maxCompressedBatchBytes + 64 * 1024;

/** Nesting of a JSON value. Kubernetes' own objects stay below 40; deeper input is rejected, not half read. */
export const maxJsonDepth = 512;

/** Objects in one NeedFull frame. */
export const maxNeedFullObjects = 1024;

/** Buckets of one KindDigest are 2 to the power of at most this: for one and a half million objects of a kind. */
export const maxBucketBits = 16;

/** Entries in one KindEntries message or one KindVerdict frame. */
export const maxKindEntries = 8192;

/**
 * How much earlier than it was handed over an audit event can have happened, in microseconds. An API server with the flags'
 * defaults collects for 30 s and tries five times, 30 s each, with pauses of 98 s in all; an agent hears within 60 s that
 * it gave up.
 */
export const auditReachUs = 360_000_000;
