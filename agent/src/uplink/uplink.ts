/** Keeps one session with the collector alive for as long as the agent runs: connect → session → wait → again. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Hello, KindVerdict, ObjectRef, Refused } from '@driftline/proto';
import type { Logger } from 'pino';
import type { Clock } from '../clock.ts';
import { logEvents } from '../log-events.ts';
import type { Spool } from '../spool/index.ts';
import { createBackoff } from './backoff.ts';
import { checkAddress, connect } from './connect.ts';
import type { ConnectOptions } from './connect.ts';
import { explainTls } from './explain-tls.ts';
import { runSession } from './session.ts';
import type { EpochLoss, SessionEnd } from './session.ts';
import type { UplinkMetrics } from './uplink-metrics.ts';

export type UplinkLimits = {
  /** Ceiling of the first pause after a failure; it doubles from there. */
  readonly reconnectBaseMs: number;
  readonly reconnectMaxMs: number;
  /** From connecting to the collector's Welcome. */
  readonly welcomeTimeoutMs: number;
};

export const defaultUplinkLimits: UplinkLimits = {
  reconnectBaseMs: 500,
  reconnectMaxMs: 30_000,
  welcomeTimeoutMs: 20_000,
};

export type UplinkState =
  | { readonly type: 'connecting'; readonly reason: string }
  | { readonly type: 'connected' }
  /** The collector does not let this agent in; `isFinal`: not tried again. */
  | { readonly type: 'refused'; readonly code: string; readonly message: string; readonly isFinal: boolean };

export type UplinkOptions = {
  readonly connect: ConnectOptions;
  readonly spool: Spool;
  readonly hello: Omit<Hello, 'type' | 'epoch' | 'firstSequence' | 'lastSequence'>;
  readonly limits: UplinkLimits;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: UplinkMetrics;
  /** The collector wants these objects whole. */
  readonly onNeedFull: (objects: readonly ObjectRef[]) => Promise<void>;
  /** What a digest or a list of entries came to. */
  readonly onVerdict: (verdict: KindVerdict) => void;
  /**
   * At a Welcome: the collector has less than it once had (it was set back), or more than this process's first session
   * knows of (acknowledgements that were lost with an earlier life, or a state directory that was set back).
   */
  readonly onSurprise: (surprise: 'ahead' | 'behind') => void;
  /** The epoch cannot go on; the uplink has stopped. */
  readonly onEpochLost: (recordedSequence: number, cause: EpochLoss) => void;
  /**
   * The epoch was begun because another agent had displaced the one before. A refusal before the first Welcome is then
   * the echo of that one's own session, and no reason to begin once more.
   */
  readonly isSuccessor?: boolean;
  readonly random?: () => number;
};

export type Uplink = {
  state(): UplinkState;
  close(): Promise<void>;
};

/** Throws UplinkError where the address or the transport can never work; everything else is tried again. */
export function openUplink(options: UplinkOptions): Uplink {
  checkAddress(options.connect);
  const stopping = new AbortController();
  let state: UplinkState = { type: 'connecting', reason: 'not connected yet' };
  const line = new UplinkLine(options, stopping.signal, (next) => {
    state = next;
  });
  const running = line.run();
  return {
    state: () => state,
    async close() {
      stopping.abort();
      await running;
    },
  };
}

class UplinkLine {
  readonly #options: UplinkOptions;
  readonly #signal: AbortSignal;
  readonly #setState: (state: UplinkState) => void;
  #knowableSequence: number;
  #wasWelcome = false;
  /** Another agent held the cluster while this one captured the same changes. */
  #isDisplaced = false;

  constructor(options: UplinkOptions, signal: AbortSignal, setState: (state: UplinkState) => void) {
    this.#options = options;
    this.#signal = signal;
    this.#setState = setState;
    this.#knowableSequence = options.spool.position().lastSequence;
  }

  async run(): Promise<void> {
    const { limits, metrics, random, logger } = this.#options;
    const backoff = createBackoff({ baseMs: limits.reconnectBaseMs, maxMs: limits.reconnectMaxMs }, random);
    while (!this.#signal.aborted) {
      let isWelcome = false;
      const end = await this.#session(() => {
        isWelcome = true;
        backoff.reset();
      }).then((ended) => (isWelcome ? ended : this.#explained(ended)));
      metrics.connected(false);
      metrics.ended(end.type === 'refused' ? end.refused.code : end.type);
      // One that waits for its turn waits evenly, so that it is soon there when the other goes.
      if (end.type === 'refused' && end.refused.code === 'already-claimed') backoff.reset();
      const next = this.#judge(end);
      if (next === 'stop') return;
      const delayMs = next.isImmediate ? 0 : backoff.nextDelayMs(next.leastMs);
      if (end.type === 'disconnected' || end.type === 'silent') {
        logger.warn({ event: logEvents.uplinkDisconnected, reason: reasonOf(end), retryInMs: delayMs });
      }
      await sleep(delayMs, undefined, { signal: this.#signal }).catch(() => undefined);
    }
  }

  async #session(onWelcome: () => void): Promise<SessionEnd> {
    const { spool, hello, limits, clock, logger, metrics } = this.#options;
    try {
      const connection = await connect(this.#options.connect);
      return await runSession(connection, {
        spool,
        hello,
        welcomeTimeoutMs: limits.welcomeTimeoutMs,
        nowUs: () => clock.nowUs(),
        onWelcome: ({ recordedSequence, creditBytes }) => {
          onWelcome();
          this.#wasWelcome = true;
          metrics.connected(true);
          this.#setState({ type: 'connected' });
          logger.info({ event: logEvents.uplinkConnected, epoch: spool.epoch, recordedSequence, creditBytes });
        },
        knowableSequence: () => this.#knowableSequence,
        isDisplaced: () => this.#isDisplaced,
        onSent: ({ payload, firstSequence, lastSequence }) => {
          this.#knowableSequence = Math.max(this.#knowableSequence, lastSequence);
          metrics.sent(payload.byteLength, lastSequence - firstSequence + 1);
        },
        onResend: (fromSequence) => {
          metrics.resendAsked();
          logger.warn({ event: logEvents.uplinkResend, fromSequence });
        },
        onNeedFull: (objects) => this.#needFull(objects),
        onVerdict: this.#options.onVerdict,
        onSurprise: (surprise) => {
          if (surprise === 'behind' || !this.#wasWelcome) this.#options.onSurprise(surprise);
        },
        signal: this.#signal,
      });
    } catch (error) {
      const reason = error instanceof Error ? error.message : 'unknown error';
      logger.error({ event: logEvents.uplinkCredentialsUnusable, reason });
      return { type: 'disconnected', reason };
    }
  }

  /** Only a session that never was can have failed for its certificates. */
  async #explained(end: SessionEnd): Promise<SessionEnd> {
    if (end.type !== 'disconnected') return end;
    const reason = await explainTls(this.#options.connect, this.#signal);
    return reason === undefined ? end : { ...end, reason };
  }

  #needFull(objects: readonly ObjectRef[]): void {
    const { logger, metrics, onNeedFull } = this.#options;
    metrics.objectsAsked(objects.length);
    logger.info({ event: logEvents.uplinkNeedFull, objects: objects.length });
    onNeedFull(objects).catch((error: unknown) => {
      // The collector asks again with the next change of the object.
      logger.error({ event: logEvents.uplinkNeedFull, err: error });
    });
  }

  /** What follows from the end of a session. */
  #judge(end: SessionEnd): 'stop' | { readonly isImmediate: boolean; readonly leastMs: number } {
    switch (end.type) {
      case 'stopped':
        return this.#signal.aborted ? 'stop' : { isImmediate: false, leastMs: 0 };
      case 'epoch-lost':
        this.#options.onEpochLost(end.recordedSequence, end.cause);
        return 'stop';
      case 'hole':
        return { isImmediate: true, leastMs: 0 };
      case 'refused':
        return this.#refused(end.refused);
      case 'disconnected':
      case 'silent':
        this.#setState({ type: 'connecting', reason: reasonOf(end) });
        return { isImmediate: false, leastMs: 0 };
    }
  }

  #refused(refused: Refused): 'stop' | { readonly isImmediate: boolean; readonly leastMs: number } {
    const { code, message, retryable, retryAfterMs } = refused;
    this.#setState({ type: 'refused', code, message, isFinal: !retryable });
    if (code === 'already-claimed' && (this.#wasWelcome || this.#options.isSuccessor !== true))
      this.#isDisplaced = true;
    const advice = adviceOn(code);
    const fields = { code, message, advice, retryAfterMs };
    if (retryable) {
      this.#options.logger.error({ event: logEvents.uplinkRefused, ...fields });
      return { isImmediate: false, leastMs: retryAfterMs };
    }
    this.#options.logger.fatal({ event: logEvents.uplinkStopped, ...fields });
    return 'stop';
  }
}

function reasonOf(end: SessionEnd): string {
  if (end.type === 'silent') return 'nothing was heard from the collector for three heartbeat intervals';
  return end.type === 'disconnected' ? end.reason : end.type;
}

function adviceOn(code: string): string {
  switch (code) {
    case 'unauthenticated':
      return 'the collector does not know the token or certificate: check the token file and the tokens of the collector';
    case 'forbidden':
      return "the credential is valid but not an agent's: use a token of role agent";
    case 'cluster-mismatch':
      return 'the token belongs to another cluster: give each cluster its own, then restart the agent';
    case 'already-claimed':
      return 'another agent streams for this cluster: stop one of them';
    case 'protocol-version':
      return 'agent and collector do not speak the same version: upgrade the older one';
    default:
      return 'see PROTOCOL.md, refusals';
  }
}
