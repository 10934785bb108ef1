import type { MessageBody } from '@driftline/proto';

/** The sequences that one append was given: consecutive, `firstSequence` for the first body. */
export type SequenceRange = { readonly firstSequence: number; readonly lastSequence: number };

/**
 * Where observers hand over what they saw. Bodies get their sequences in the order of the calls.
 *
 * `append` resolves when every body is durable (written and synced); only then may the caller move a resume position,
 * answer a webhook or forget its input. It waits for as long as the spool has no room, so a caller bounds what it holds
 * by awaiting. It rejects with SpoolError 'closed' once the spool is closing: nothing of that call was promised.
 */
export type MessageSink = {
  append(bodies: readonly MessageBody[]): Promise<SequenceRange>;
};
