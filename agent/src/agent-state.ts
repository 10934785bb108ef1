/** What an agent keeps on its disk: the spool and the known objects, which agree with each other after any end. */
import { join } from 'node:path';
import type { Logger } from 'pino';
import type { Clock } from './clock.ts';
import type { AgentConfig } from './config.ts';
import { openKnown } from './known/known.ts';
import type { Known } from './known/known.ts';
import { replay } from './known/replay.ts';
import type { SpooledMessage } from './known/replay.ts';
import { logEvents } from './log-events.ts';
import type { AgentMetrics } from './metrics.ts';
import type { Scope } from './scope.ts';
import { abandonEpoch, defaultSpoolLimits, openSpool } from './spool/index.ts';
import type { Loss, Spool } from './spool/index.ts';

/** How often the spool learns what the known objects have taken over. */
const appliedIntervalMs = 500;

const diskAdvice = 'free space on the volume of the state directory; nothing is lost, the agent waits';

export type StateContext = {
  readonly config: AgentConfig;
  readonly logger: Logger;
  readonly metrics: AgentMetrics;
  readonly clock: Clock;
};

/** The spool and, in step with it, the known objects. */
export async function openState(
  context: StateContext & { readonly onLoss: (loss: Loss) => void },
  scope: Scope,
): Promise<readonly [Spool, Known]> {
  const { config, logger, metrics, clock, onLoss } = context;
  const options = {
    onLoss,
    directory: spoolDirectory(config),
    limits: { ...defaultSpoolLimits, spoolLimitBytes: config.spoolLimitBytes },
    clock,
    logger,
    metrics: metrics.spool,
  };
  const path = join(config.stateDir, 'known.db');
  const onCommit = (seconds: number): void => metrics.watch.knownCommitSeconds.observe(seconds);
  const onTrouble = (error: unknown): void => {
    metrics.watch.knownBlocked.set(error === undefined ? 0 : 1);
    if (error === undefined) logger.info({ event: logEvents.knownWriteRecovered });
    else
      logger.error({ event: logEvents.knownWriteFailed, advice: diskAdvice, directory: config.stateDir, err: error });
  };
  const openKnownOf = (epoch: string): Known => openKnown({ path, epoch, onCommit, onTrouble });
  let spool = await openSpool(options);
  let known: Known;
  try {
    known = openKnownOf(spool.epoch);
  } catch (error) {
    await spool.close();
    throw error;
  }
  if (known.problem !== undefined) logger.error({ event: logEvents.knownReplaced, reason: known.problem });
  const disagreement = await disagreementOf(spool, known);
  if (disagreement !== undefined) {
    await known.close();
    const position = spool.position();
    await spool.close();
    await renewEpoch(context, disagreement, position);
    spool = await openSpool(options);
    known = openKnownOf(spool.epoch);
  }
  scope.own('spool', spool);
  scope.own('known', known);
  await bringUp(known, spool, logger);
  const timer = setInterval(() => {
    spool.applied(known.releasable(spool.position().answeredSequence));
    metrics.watch.knownAppliedSequence.set(known.appliedSequence());
  }, appliedIntervalMs);
  scope.own('applied', { close: () => clearInterval(timer) });
  return [spool, known];
}

/** Why the known objects and the log can never be brought together again; undefined when they can. */
async function disagreementOf(spool: Spool, known: Known): Promise<string | undefined> {
  // What was let go or compared is not in the messages that are left: the known objects cannot be made anew of them.
  if (known.isNew && (spool.firstHeld(1) > 1 || (await holdsDigest(spool)))) return 'the known objects were lost';
  // The numbers of what is made next would be taken.
  if (known.appliedSequence() > spool.position().lastSequence) return 'the spool forgot what the known objects hold';
  return undefined;
}

/**
 * The known objects take over what the log holds beyond them, as far as it is whole. Behind a loss they would be of an
 * earlier time than what was told: whether the collector has what is lost or not, only the cluster can say what holds now.
 */
async function bringUp(known: Known, spool: Spool, logger: Logger): Promise<void> {
  const appliedSequence = known.appliedSequence();
  const lost = spool.firstLost(appliedSequence);
  const messages = await replay(known, messagesOf(spool, appliedSequence + 1, lost));
  if (messages > 0) logger.info({ event: logEvents.knownReplayed, messages });
  if (lost === undefined) return;
  const { lastSequence } = spool.position();
  logger.error({ event: logEvents.knownMistrusted, lostSequence: lost, lastSequence });
  await known.mistrust(lastSequence);
}

/** A digest is only made once the known objects are committed: where one is, they were lost since. */
async function holdsDigest(spool: Spool): Promise<boolean> {
  for await (const { message } of spool.replay(1)) if (message.body.type === 'kind-digest') return true;
  return false;
}

/** Those held from `first` on; before `end`, when there is one. */
async function* messagesOf(spool: Spool, first: number, end = Infinity): AsyncGenerator<SpooledMessage> {
  for await (const { sequence, message } of spool.replay(first)) {
    if (sequence >= end) return;
    yield { sequence, body: message.body };
  }
}

/** Another epoch begins when the state is opened next; the spool must be closed. */
export async function renewEpoch(
  { config, logger }: Pick<StateContext, 'config' | 'logger'>,
  reason: string,
  position: { readonly recordedSequence: number; readonly lastSequence: number } | undefined,
): Promise<void> {
  const { recordedSequence = 0, lastSequence = 0 } = position ?? {};
  const hasUnsent = lastSequence > recordedSequence;
  const fromSequence = hasUnsent ? recordedSequence + 1 : 0;
  const toSequence = hasUnsent ? lastSequence : 0;
  logger.error({ event: logEvents.agentEpochAbandoned, reason, fromSequence, toSequence });
  await abandonEpoch(spoolDirectory(config), { fromSequence, toSequence, reason });
}

const spoolDirectory = (config: AgentConfig): string => join(config.stateDir, 'spool');
