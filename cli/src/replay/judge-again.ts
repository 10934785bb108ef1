/**
 * A recording judged by the engine that judges clusters: the state first, then record by record at the moments that these
 * were observed, so that the answers are those that the collector would have recorded. What is held is the cluster's
 * state (objects as text), whatever the length of the recording.
 */
import type { ApiRecord, Json, JsonObject } from '@driftline/proto';
import {
  type CompiledControl,
  createEngine,
  type Engine,
  type FindingKey,
  type JudgedTransition,
  type ObjectChange,
  type ObjectKey,
  type Severity,
} from '@driftline/policy';

export type JudgedMove = {
  readonly finding: FindingKey;
  readonly isOpen: boolean;
  readonly severity: Severity;
  readonly title: string;
  readonly reason: string;
  /** Microseconds since the Unix epoch. */
  readonly atUs: number;
  /** The change that caused it; null: time, coverage, or that it was so at the beginning. */
  readonly changeId: string | null;
};

type VersionRecord = Extract<ApiRecord, { type: 'version' }>;
type CoverageRecord = Extract<ApiRecord, { type: 'coverage' }>;

export type SecondJudge = {
  /** What is there at the beginning; nothing is judged yet. */
  take(record: VersionRecord | CoverageRecord): void;
  /** What the beginning breaks. */
  begin(atUs: number): readonly JudgedMove[];
  judge(record: VersionRecord | CoverageRecord): readonly JudgedMove[];
  /** What time alone has changed until then. */
  waitUntil(atUs: number): readonly JudgedMove[];
  readonly engine: Engine;
};

export function createSecondJudge(controls: readonly CompiledControl[]): SecondJudge {
  const coverage = new Map<string, CoverageRecord['state']>();
  const texts = createTextStore();
  const engine = createEngine({
    controls,
    covers: ({ group, kind }) => isVisible(coverage.get(`${group}/${kind}`)),
    store: texts,
  });
  const moves = (transitions: readonly JudgedTransition[], atUs: number, changeId: string | null = null) => {
    // Told to nobody here, and kept until it is taken.
    engine.takeUnansweredChanges();
    return transitions.map((transition) =>
      moveOf(transition, atUs, transition.cause.type === 'change' ? changeId : null),
    );
  };
  const waitUntil = (atUs: number): readonly JudgedMove[] => {
    const due: JudgedMove[] = [];
    for (let last = -1; ; ) {
      const deadlineMs = engine.deadline();
      if (deadlineMs === undefined || deadlineMs === last || deadlineMs * 1_000 > atUs) return due;
      last = deadlineMs;
      due.push(...moves(engine.apply([], deadlineMs), deadlineMs * 1_000));
    }
  };
  const cover = ({ group, kind, state }: CoverageRecord): boolean => {
    const before = isVisible(coverage.get(`${group}/${kind}`));
    coverage.set(`${group}/${kind}`, state);
    return before !== isVisible(state);
  };

  return {
    engine,
    waitUntil,
    take(record) {
      if (record.type === 'coverage') cover(record);
      else engine.load([texts.place(record)]);
    },
    begin: (atUs) => moves(engine.apply([], Math.floor(atUs / 1_000)), atUs),
    judge(record) {
      const atUs = microseconds(record.at);
      const due = waitUntil(atUs);
      const nowMs = Math.floor(atUs / 1_000);
      if (record.type === 'version')
        return [...due, ...moves(engine.apply([texts.place(record)], nowMs), atUs, changeIdOf(record))];
      return cover(record) ? [...due, ...moves(engine.refreshCoverage(nowMs), atUs)] : due;
    },
  };
}

/** Not watched, and not simply gone, is not seen; of a kind that nothing was said of, nothing is known to be hidden. */
function isVisible(state: CoverageRecord['state'] | undefined): boolean {
  return state === undefined || state === 'watched' || state === 'gone';
}

export function changeIdOf({ epoch, order }: ApiRecord): string {
  return `${epoch}:${order[1]}${order[2] === 0 ? '' : `.${order[2]}`}`;
}

/** Of the API's moments, which have six digits below the second. */
export function microseconds(at: string): number {
  return Date.parse(`${at.slice(0, 19)}Z`) * 1_000 + Number(at.slice(20).replace('Z', '').padEnd(6, '0'));
}

function moveOf(transition: JudgedTransition, atUs: number, changeId: string | null): JudgedMove {
  const { finding, state, severity, title, reason } = transition;
  const isOpen = state !== 'resolved' && state !== 'excepted';
  return { finding, isOpen, severity, title, reason, atUs, changeId };
}

type Stored = { readonly text: Buffer; readonly digest: string };

/** Objects as JSON text, a fraction of what they take as objects; each is parsed when it is read. */
function createTextStore() {
  const stored = new Map<string, Stored>();
  const read = ({ text }: Stored): JsonObject => JSON.parse(text.toString()) as JsonObject;
  return {
    get(key: ObjectKey): JsonObject | undefined {
      const found = stored.get(keyText(key));
      return found === undefined ? undefined : read(found);
    },
    /** Takes the version in; what the engine is to be told of it. */
    place(record: VersionRecord): ObjectChange {
      const { group, kind, namespace, name, uid } = record.object;
      const key = { group, kind, namespace, name };
      const before = stored.get(keyText(key));
      const after = objectOf(record.body);
      if (after === undefined) {
        stored.delete(keyText(key));
        return { key, uid, after };
      }
      const digest = changeIdOf(record);
      stored.set(keyText(key), { text: Buffer.from(JSON.stringify(after)), digest });
      const earlier = before === undefined ? undefined : { object: read(before), digest: before.digest };
      return { key, uid, after, digest, earlier };
    },
  };
}

function objectOf(body: Json): JsonObject | undefined {
  return typeof body === 'object' && body !== null && !Array.isArray(body) ? (body as JsonObject) : undefined;
}

function keyText({ group, kind, namespace, name }: ObjectKey): string {
  return `${kind}.${group}/${namespace}/${name}`;
}
