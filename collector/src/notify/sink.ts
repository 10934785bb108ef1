/**
 * Where forwarded events go: a port with one method. A sink never retries by itself and never drops: it answers with an
 * outcome, and the forwarder decides (forwarder.ts).
 */
import type { OcsfEvent } from './ocsf.ts';

export type Delivery =
  | { readonly outcome: 'delivered' }
  /** The receiver is away or busy: the same events again, not before this delay (0: the forwarder's own backoff). */
  | { readonly outcome: 'retry'; readonly afterMs: number; readonly reason: string }
  /** The receiver will never take these events as they are. */
  | { readonly outcome: 'dead'; readonly reason: string };

export type Sink = {
  /** Names the durable cursor: renaming a sink makes it start again from the beginning. */
  readonly name: string;
  /** Events in timeline order, at least one. Never rejects for what a receiver does. */
  deliver(events: readonly OcsfEvent[]): Promise<Delivery>;
  close(): Promise<void>;
};
