/** What travels on the uplink, as plain unions. PROTOCOL.md says when each is sent; codec.ts is the wire form. */
import type { Batch, ObjectRef } from './message.ts';

/** The version in Hello; a collector refuses others with 'protocol-version'. */
export const protocolVersion = 1;

/** Full gRPC method path of the stream. */
export const uplinkServicePath = '/driftline.v1.Uplink/Stream';

export type Hello = {
  readonly type: 'hello';
  readonly protocol: number;
  /** Display name; the credential decides the identity. */
  readonly cluster: string;
  /** uid of the kube-system namespace. */
  readonly clusterUid: string;
  /** Durable identity of the agent's stream. */
  readonly epoch: string;
  /** Changes at every agent start. */
  readonly instance: string;
  /** Oldest sequence still in the spool; 0 when it is empty. */
  readonly firstSequence: number;
  /** Newest sequence in the spool or already acknowledged. */
  readonly lastSequence: number;
  readonly agentVersion: string;
  readonly kubernetesVersion: string;
  /** Digest of the redaction key: a new key makes every secret look changed. */
  readonly redactionKeyId: string;
};

export type Heartbeat = {
  readonly type: 'heartbeat';
  readonly sentAtUs: number;
  readonly lastSequence: number;
  readonly spoolBytes: number;
  readonly spoolLimitBytes: number;
};

export type AgentFrame = Hello | { readonly type: 'batch'; readonly batch: Batch } | Heartbeat;

export type Welcome = {
  readonly type: 'welcome';
  /** Resume after this; 0 when nothing of this epoch is recorded. */
  readonly recordedSequence: number;
  readonly creditBytes: number;
  readonly heartbeatIntervalMs: number;
};

export type Ack = {
  readonly type: 'ack';
  /** The bus has it. */
  readonly acceptedSequence: number;
  /** It is in the timeline. */
  readonly recordedSequence: number;
};

/** Allows that many more payload bytes to be in flight. */
export type Credit = { readonly type: 'credit'; readonly bytes: number };

export type Resend = { readonly type: 'resend'; readonly fromSequence: number };

/** The collector could not apply a patch: it wants these objects whole. */
export type NeedFull = { readonly type: 'need-full'; readonly objects: readonly ObjectRef[] };

/** What the collector makes of one KindDigest or KindEntries. */
export type KindVerdict = {
  readonly type: 'kind-verdict';
  readonly group: string;
  readonly resource: string;
  /** Of the message that it answers. */
  readonly sequence: number;
  readonly verdict:
    | { readonly outcome: 'agreed' }
    /** The buckets of this bitmap differ: send their entries. */
    | { readonly outcome: 'buckets'; readonly bucketBits: number; readonly buckets: Uint8Array }
    /** Send what these entries and objects are now; `hasMore`: another frame for the same message follows. */
    | {
        readonly outcome: 'wanted';
        readonly entries: Uint8Array;
        readonly objects: readonly ObjectRef[];
        readonly hasMore: boolean;
      }
    /** Most objects are missing here, or the rules are not known: send every object. */
    | { readonly outcome: 'all' };
};

export type Refused = {
  readonly type: 'refused';
  /** A RefusalCode of this version, or one that a newer collector knows: obey `retryable`. */
  readonly code: string;
  readonly message: string;
  readonly retryable: boolean;
  /** 0: the agent's own backoff. */
  readonly retryAfterMs: number;
};

export type CollectorFrame = Welcome | Ack | Credit | Resend | NeedFull | KindVerdict | Refused;

export type RefusalCode =
  | 'unauthenticated'
  | 'forbidden'
  | 'cluster-mismatch'
  | 'already-claimed'
  | 'protocol-version'
  | 'protocol-violation'
  | 'undecodable'
  | 'too-large'
  | 'overloaded'
  | 'shutting-down';

/** Whether the agent may try again with the same input, and after how long at the least. */
export const refusals: Readonly<Record<RefusalCode, { readonly retryable: boolean; readonly retryAfterMs: number }>> = {
  unauthenticated: { retryable: true, retryAfterMs: 60_000 },
  forbidden: { retryable: true, retryAfterMs: 60_000 },
  'cluster-mismatch': { retryable: false, retryAfterMs: 0 },
  'already-claimed': { retryable: true, retryAfterMs: 15_000 },
  'protocol-version': { retryable: false, retryAfterMs: 0 },
  'protocol-violation': { retryable: true, retryAfterMs: 5_000 },
  undecodable: { retryable: false, retryAfterMs: 0 },
  'too-large': { retryable: false, retryAfterMs: 0 },
  overloaded: { retryable: true, retryAfterMs: 5_000 },
  'shutting-down': { retryable: true, retryAfterMs: 1_000 },
};

/** A refusal with the table's advice. */
export function refused(code: RefusalCode, message: string): Refused {
  return { type: 'refused', code, message, ...refusals[code] };
}
