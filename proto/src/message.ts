/**
 * The domain form of what travels from an agent to the collector. The wire form is generated from
 * driftline/v1/uplink.proto; codec.ts translates. Times are microseconds since the Unix epoch (`…Us`).
 */

/** Identity of an object: apiVersion is an attribute, not part of it. `uid` is opaque. */
export type ObjectRef = {
  readonly group: string;
  /** Plural, as in the URL. */
  readonly resource: string;
  readonly kind: string;
  /** Empty for cluster-scoped objects. */
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
};

export type Op = 'snapshot' | 'created' | 'modified' | 'deleted';

/** What managedFields say about the changed paths: self-declared evidence, never proof. */
export type ManagerEvidence = {
  readonly manager: string;
  readonly operation: string;
  readonly subresource: string;
  readonly timeUs: number;
  /** JSON Pointers of the changed paths that this manager owns (or owned, for removed ones). */
  readonly paths: readonly string[];
};

export type Delta = {
  readonly type: 'delta';
  readonly ref: ObjectRef;
  readonly apiVersion: string;
  /** Opaque; never compared for order. */
  readonly resourceVersion: string;
  readonly op: Op;
  /** Content hash of the form that `patch` applies to; '' with `full` and with deletes. */
  readonly baseHash: string;
  /** Content hash after the change; '' when deleted. */
  readonly contentHash: string;
  /** Canonical JSON (canonical.ts) of the whole redacted object, or undefined. */
  readonly full: string | undefined;
  /** JSON Patch as JSON text, or undefined. Exactly one of full and patch is set unless op is 'deleted'. */
  readonly patch: string | undefined;
  readonly managers: readonly ManagerEvidence[];
  /** A delete that was inferred from a list. */
  readonly synthesised: boolean;
  /** The change happened after this moment (last event or bookmark of its kind); 0 when unknown. */
  readonly notBeforeUs: number;
  readonly versionSwitch: boolean;
};

export type AuditMessage = {
  readonly type: 'audit';
  /** Digest of `event`: the identity of an event, since clients can choose the auditID. */
  readonly digest: string;
  /** Canonical JSON of the redacted audit.k8s.io/v1 Event. */
  readonly event: string;
  readonly source: 'webhook' | 'log';
};

/** Why something could not be seen. PROTOCOL.md explains each. */
export type GapCause =
  | 'relist' // 410 or an expired resume version: versions between two points were not delivered
  | 'epoch_start' // a new epoch's first list: what happened before it is unknown
  | 'spool_full' // messages were evicted before they were recorded
  | 'spool_damage' // a segment was torn, missing or failed its checksum
  | 'audit_drop' // the API server or the log lost audit events
  | 'sequence_hole' // the collector did not receive some sequences and the spool no longer has them
  | 'undecodable' // input that could not be read
  | 'divergence'; // a self-check found that agent and collector differed, and no other gap says why

export type Gap = {
  readonly type: 'gap';
  readonly group: string;
  /** Plural; '' means every kind, 'audit' events included. */
  readonly resource: string;
  readonly fromVersion: string;
  readonly toVersion: string;
  readonly fromUs: number;
  readonly toUs: number;
  readonly cause: GapCause;
  readonly detail: string;
  readonly fromSequence: number;
  readonly toSequence: number;
};

/** Every object of the kind that exists at this version was sent in this epoch before this message. */
export type KindSynced = {
  readonly type: 'kind-synced';
  readonly group: string;
  readonly resource: string;
  readonly kind: string;
  readonly resourceVersion: string;
  readonly objects: number;
};

/**
 * Why a kind is compared. Differences of the first two are confessed by other gaps; one that a self-check finds is
 * confessed when it is found; a repair goes on with any of them.
 */
export type DigestCause = 'epoch-start' | 'loss' | 'self-check' | 'repair';

/** What exists of a kind as of this message, as digests of buckets: kind-digest.ts. */
export type KindDigest = {
  readonly type: 'kind-digest';
  readonly group: string;
  readonly resource: string;
  readonly kind: string;
  /** Everything of the kind up to here was sent, or is in the digests. */
  readonly resourceVersion: string;
  readonly objects: number;
  /** Of the rules; a collector that does not know them asks for everything. */
  readonly version: number;
  readonly bucketBits: number;
  /** bucketDigestBytes for each of the 2^bucketBits buckets. */
  readonly digests: Uint8Array;
  readonly cause: DigestCause;
  /** resourceVersion of the last digest that agreed; '' when none did in this epoch. */
  readonly agreedVersion: string;
  /** 0 when none did. */
  readonly agreedAtUs: number;
};

/** Every object of some buckets, as of this message. */
export type KindEntries = {
  readonly type: 'kind-entries';
  readonly group: string;
  readonly resource: string;
  readonly kind: string;
  readonly version: number;
  readonly bucketBits: number;
  /** Bitmap of the buckets. */
  readonly buckets: Uint8Array;
  /** entryBytes for each object in them, in no particular order. */
  readonly entries: Uint8Array;
};

/** `listing`: served and to be watched, but not listed for the first time yet; what is known of it is not all. */
export type CoverageState = 'listing' | 'watched' | 'forbidden' | 'excluded' | 'failing' | 'gone';

export type Coverage = {
  readonly type: 'coverage';
  readonly group: string;
  readonly resource: string;
  readonly kind: string;
  readonly state: CoverageState;
  readonly reason: string;
};

/** Input that could not be read. `detail` never holds content of the input. */
export type Rejected = {
  readonly type: 'rejected';
  readonly source: string;
  readonly reason: string;
  readonly detail: string;
  readonly bytes: number;
};

export type MessageBody = Delta | AuditMessage | Gap | KindSynced | Coverage | Rejected | KindDigest | KindEntries;

/** A message has no sequence of its own: message i of a batch has firstSequence + i. */
export type Message = {
  /** Hybrid logical clock: never runs backwards within an epoch, whatever the host's clock does. */
  readonly observedAtUs: number;
  readonly body: MessageBody;
};

/** A batch keeps its boundaries and bytes from the moment it is spooled. */
export type Batch = {
  readonly firstSequence: number;
  readonly lastSequence: number;
  readonly compression: 'none' | 'zstd';
  readonly uncompressedBytes: number;
  /** Compressed wire form of `Messages`. */
  readonly payload: Uint8Array;
};

/** Hash port: proto is pure, so whoever calls brings SHA-256. Input is UTF-8 text; output is lower-case hex. */
export type Sha256 = (text: string) => string;

/** Keyed port for redaction: HMAC-SHA-256 with the cluster's key, base64url, cut to 22 characters (132 bits). */
export type Hmac = (text: string) => string;

/** A JSON value as JSON.parse gives it. Keys are hostile until proven otherwise (`__proto__`). */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };
export type JsonObject = { readonly [key: string]: Json };
