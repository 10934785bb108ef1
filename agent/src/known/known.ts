import { rmSync } from 'node:fs';
import type { KindMember } from '@driftline/proto';
import {
  type KindProgress,
  type KindRow,
  type KnownDatabase,
  type KnownObject,
  type ObjectName,
  openKnownDatabase,
} from './known-database.ts';
import { type Staged, StagedKind, Staging, nameKey } from './staging.ts';

export type { KindProgress, KnownObject, ObjectName } from './known-database.ts';

/** Where a gap begins before which the kind had no versions; kept, unlike '', over a kill in the middle of a list. */
export const beforeAnyVersion = '0';

/** What a message changes in the known objects; without `object` the name is forgotten. */
export type KnownChange = ObjectName & { readonly object?: KnownObject };

/** One kind's known objects and progress. Calls for one kind must come in the order of its events. */
export type KnownKind = {
  readonly group: string;
  readonly resource: string;
  /** Staged changes included. */
  progress(): KindProgress;
  /** The last form handed to the sink, durable or not: what the next diff starts from. */
  get(name: ObjectName): KnownObject | undefined;
  /**
   * Takes effect for `get` and `progress` at once, and is written once `durable` resolves. Call it in the same turn as
   * the sink's append. Without `durable` it is written once everything staged before it for this kind is.
   */
  stage(staged: Staged): void;
  /** Resolves when all that was staged for this kind is written. Rejects when the spool refused a message. */
  settled(): Promise<void>;
  /** Resolves when the file can be written again, since it cannot: take nothing more meanwhile. Undefined when it can. */
  blocked(): Promise<void> | undefined;
  /** The same, and committed. */
  flush(): Promise<void>;
  /** What is written; await settled first. Do not stage while iterating. */
  objects(): Iterable<ObjectName & { readonly uid: string }>;
  /** What `get` knows, each object once. Take all of it in one turn: nothing may be staged meanwhile. */
  members(): Iterable<KindMember>;
  /** Names of what is written, in pages, so that a caller may pause between two: names that come meanwhile may be in one. */
  names(): Iterable<readonly ObjectName[]>;
  /** Objects written, which is about as many. */
  count(): number;
};

/**
 * What was sent last, in one SQLite file. The spool is its write-ahead log: a change is applied only after its message
 * is durable there, and `replay` applies those that a crash kept from being committed. So after a kill at any moment
 * the deltas in the spool, the known objects and the resume versions agree.
 */
export type Known = {
  /** Made anew by this open: nothing of this epoch is known. With an older spool, that calls for a new epoch. */
  readonly isNew: boolean;
  /** Why an existing file could not be used, or undefined. */
  readonly problem: string | undefined;
  /** Committed here up to this sequence. */
  appliedSequence(): number;
  /**
   * The sequence that the spool may forget as far as known objects go, when all appends up to `answeredSequence` were
   * answered some turns ago. Changes that wait for their messages do not count: the spool may have no room for these
   * before it forgets others.
   */
  releasable(answeredSequence: number): number;
  kind(group: string, resource: string): KnownKind;
  /** Kinds that have been seen in this epoch. */
  kinds(): readonly KnownKind[];
  /**
   * Messages up to this one are lost that these objects never took over. What is known of each kind is then where it
   * stood before: it begins with a list as in a new epoch, which is compared and not told. Committed, all at once, when it
   * resolves. Call it when nothing is staged.
   */
  mistrust(sequence: number): Promise<void>;
  /** Why the file cannot be written now, and nothing more is taken; undefined when it can. */
  trouble(): string | undefined;
  /** Objects written. */
  count(): number;
  /** Applies what is durable, commits and closes. */
  close(): Promise<void>;
};

export type KnownLimits = {
  /** Applied changes are committed at least this often. */
  readonly commitIntervalMs: number;
  /** And after this many. */
  readonly maxUncommittedChanges: number;
  /** And after forms of so many bytes: until then they are in memory too. */
  readonly maxUncommittedBytes: number;
  /** Forms are kept as plain text until the file is of this size, and deflated beyond it: less work against less disk. */
  readonly plainFormsLimitBytes: number;
  /** Pause after a failed write (full disk) before the same changes are written again. */
  readonly retryMs: number;
  /** How long a close waits without getting on: the spool has what is not written, and gives it back at the next start. */
  readonly closeWaitMs: number;
};

export const defaultKnownLimits: KnownLimits = {
  commitIntervalMs: 1000,
  maxUncommittedChanges: 5000,
  maxUncommittedBytes: 3 * 1024 * 1024,
  plainFormsLimitBytes: 160 * 1024 * 1024,
  retryMs: 1000,
  closeWaitMs: 5000,
};

type Ports = {
  readonly path: string;
  readonly epoch: string;
  readonly limits?: Partial<KnownLimits>;
  /** Told how long each commit took. */
  readonly onCommit?: (seconds: number) => void;
  /** Told why the file cannot be written, and with undefined that it can again. */
  readonly onTrouble?: (error: unknown) => void;
};

/** A file of another epoch, or one that is damaged, is replaced by an empty one: isNew says so. */
export function openKnown(ports: Ports): Known {
  const limits = { ...defaultKnownLimits, ...ports.limits };
  const { database, isNew, problem } = openDatabase(ports.path, ports.epoch, limits);
  const staging = new Staging({ database, limits, onCommit: ports.onCommit, onTrouble: ports.onTrouble });
  const kinds = new Map<string, KnownKind>();
  let nextId = 1;
  for (const row of database.kinds()) {
    kinds.set(kindKey(row), createKind(row, database, staging));
    nextId = Math.max(nextId, row.id + 1);
  }

  return {
    isNew,
    problem,
    appliedSequence: () => staging.appliedSequence(),
    releasable: (answeredSequence) =>
      staging.isEven() ? Math.max(answeredSequence, staging.appliedSequence()) : staging.appliedSequence(),
    kind(group, resource) {
      const key = kindKey({ group, resource });
      const existing = kinds.get(key);
      if (existing !== undefined) return existing;
      const id = nextId++;
      const kind = createKind({ ...newProgress, id, group, resource }, database, staging);
      kinds.set(key, kind);
      kind.stage({ progress: {} });
      return kind;
    },
    kinds: () => [...kinds.values()],
    async mistrust(sequence) {
      const progress = { resumeVersion: '', isSynced: false, isAgreed: false, coverage: '' } as const;
      for (const kind of kinds.values()) kind.stage({ progress });
      staging.advance(sequence);
      await staging.flush();
    },
    trouble: () => staging.trouble,
    count: () => database.count(),
    async close() {
      await staging.close();
      database.close();
    },
  };
}

const newProgress: KindProgress = {
  resumeVersion: '',
  seenVersion: '',
  seenAtUs: 0,
  isSynced: false,
  isAgreed: false,
  agreedVersion: '',
  agreedAtUs: 0,
  coverage: '',
  coverageReason: '',
};

export function kindKey(kind: { readonly group: string; readonly resource: string }): string {
  return `${kind.group}/${kind.resource}`;
}

function createKind(row: KindRow, database: KnownDatabase, staging: Staging): KnownKind {
  const staged = new StagedKind(row, staging);
  return {
    group: row.group,
    resource: row.resource,
    progress: () => staged.progress(),
    get: (name) => {
      const pending = staged.get(name);
      return pending === 'forgotten' ? undefined : (pending ?? database.get(row.id, name));
    },
    stage: (change) => staged.stage(change),
    settled: () => staging.settled(staged),
    blocked: () => staging.blocked,
    async flush() {
      await staging.settled(staged);
      await staging.flush();
    },
    objects: () => database.objects(row.id),
    members: () => membersOf(database.members(row.id), staged),
    names: () => pagesOf(row.id, database),
    count: () => database.countOf(row.id),
  };
}

const namesPerPage = 256;

function* pagesOf(kind: number, database: KnownDatabase): Generator<readonly ObjectName[]> {
  // No object has an empty name: this is before all.
  let last: ObjectName | undefined = { namespace: '', name: '' };
  while (last !== undefined) {
    const page: readonly ObjectName[] = database.namesAfter(kind, last, namesPerPage);
    yield page;
    last = page.length < namesPerPage ? undefined : page.at(-1);
  }
}

function* membersOf(written: Iterable<KindMember>, staged: StagedKind): Generator<KindMember> {
  const overlay = staged.overlay();
  for (const member of written) if (!overlay.has(nameKey(member))) yield member;
  for (const { name, object } of overlay.values()) {
    if (object === 'forgotten') continue;
    yield { namespace: name.namespace, name: name.name, uid: object.uid, contentHash: object.contentHash };
  }
}

type Opened = { readonly database: KnownDatabase; readonly isNew: boolean; readonly problem: string | undefined };

function openDatabase(path: string, epoch: string, { plainFormsLimitBytes }: KnownLimits): Opened {
  let problem: string | undefined;
  try {
    const database = openKnownDatabase(path, epoch, plainFormsLimitBytes);
    if (database.epoch === epoch) {
      return { database, isNew: database.appliedSequence === 0 && database.kinds().length === 0, problem: undefined };
    }
    database.close();
  } catch (error) {
    // A full disk, or one that fails, says nothing against the file.
    if (isOfTheDisk(error)) throw error;
    problem = error instanceof Error ? error.message : String(error);
  }
  for (const suffix of ['', '-wal', '-shm', '-journal']) rmSync(`${path}${suffix}`, { force: true });
  return { database: openKnownDatabase(path, epoch, plainFormsLimitBytes), isNew: true, problem };
}

/** What SQLite says of the world and not of the file: no permission, busy, input or output failed, full, cannot open. */
const codesOfTheDisk: ReadonlySet<number> = new Set([3, 5, 8, 10, 13, 14, 23]);

/** Extended codes have theirs in the lower byte. */
function isOfTheDisk(error: unknown): boolean {
  const { errcode } = error as { readonly errcode?: unknown };
  return typeof errcode === 'number' && codesOfTheDisk.has(errcode & 0xff);
}
