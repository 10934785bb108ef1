import type { Gap } from '@driftline/proto';
import type { Mark } from './mark-file.ts';
import { fillHole } from './recover-log.ts';
import type { PlannedHole } from './recover-log.ts';
import type { Range, SegmentLog } from './segment-log.ts';
import type { Loss } from './spool-options.ts';

type Owed = Loss & { readonly fromUs: number; readonly toUs: number };

export type OwedPorts = {
  readonly log: SegmentLog;
  readonly append: (bodies: readonly Gap[]) => Promise<unknown>;
  /** Runs while nothing else touches the files. */
  readonly exclusively: (work: () => Promise<void>) => Promise<void>;
  readonly onLoss: (loss: Loss) => void;
  readonly onFailed: (error: unknown) => void;
};

/**
 * What the spool has lost and has not confessed yet. Whether it is lost to anybody only the collector knows: it may have
 * taken the messages before, and its word about it may have been lost. So a confession waits for the next Welcome, and
 * covers what is missing there. Until then the damage itself, and the floor in the mark, keep it from being forgotten.
 */
export class OwedLosses {
  readonly #ports: OwedPorts;
  /** Let go before this process began. */
  readonly #floorAtOpen: number;
  #confessedFloor = 0;
  /** Times of what went in this life and is not confessed. */
  #evictedUs: Pick<Owed, 'fromUs' | 'toUs'> | undefined;
  #holes: PlannedHole[];

  constructor(ports: OwedPorts, mark: Mark, holes: readonly PlannedHole[]) {
    this.#ports = ports;
    this.#floorAtOpen = mark.floorSequence;
    this.#holes = [...holes];
  }

  /** A reader came upon damage. It is written down at the next start. */
  add(range: Range): void {
    this.#holes.push({ ...range, fromUs: 0, toUs: 0, damages: [] });
  }

  /** What was let go unrecorded lies at or below the floor of the log. */
  evicted({ fromUs, toUs }: Pick<Owed, 'fromUs' | 'toUs'>): void {
    this.#evictedUs = { fromUs: this.#evictedUs?.fromUs ?? fromUs, toUs };
  }

  /** @param takenSequence what the collector or its bus has, exactly: nothing of it is under way any more */
  async settle(takenSequence: number): Promise<void> {
    const holes = this.#holes;
    this.#holes = [];
    try {
      await this.#confessFloor(takenSequence);
      for (const hole of holes) {
        await this.#confess({ ...hole, cause: 'spool_damage' }, Math.max(takenSequence, this.#confessedFloor));
        await this.#ports.exclusively(() => fillHole(this.#ports.log, hole));
      }
    } catch (error) {
      // What is not written down is found again at the next start.
      this.#ports.onFailed(error);
    }
  }

  async #confessFloor(takenSequence: number): Promise<void> {
    const { log, onLoss } = this.#ports;
    const toSequence = log.floorSequence;
    const fromSequence = this.#confessedFloor + 1;
    this.#confessedFloor = toSequence;
    const times = this.#evictedUs ?? { fromUs: 0, toUs: 0 };
    this.#evictedUs = undefined;
    const isConfessed = await this.#confess({ fromSequence, toSequence, cause: 'spool_full', ...times }, takenSequence);
    // Of what went in this life, everybody was told when it went.
    if (isConfessed && takenSequence < this.#floorAtOpen) onLoss({ fromSequence, toSequence, cause: 'spool_full' });
  }

  async #confess(owed: Owed, takenSequence: number): Promise<boolean> {
    const fromSequence = Math.max(owed.fromSequence, takenSequence + 1);
    if (fromSequence > owed.toSequence) return false;
    await this.#ports.append([gapOf({ ...owed, fromSequence })]);
    return true;
  }
}

/** A gap that covers sequences of this stream. */
function gapOf({ fromSequence, toSequence, cause, fromUs, toUs }: Owed): Gap {
  const detail = `messages ${fromSequence}–${toSequence} of the agent's spool are lost`;
  const whole = { group: '', resource: '', fromVersion: '', toVersion: '' };
  return { type: 'gap', ...whole, fromUs, toUs, cause, detail, fromSequence, toSequence };
}
