import { DatabaseSync, type StatementSync } from 'node:sqlite';
import type { CoverageState, KindMember } from '@driftline/proto';
import { deflateForm } from './packed-form.ts';

/** The last sent version of an object; `packed` is packed-form.ts's. */
export type KnownObject = {
  readonly uid: string;
  readonly apiVersion: string;
  readonly resourceVersion: string;
  readonly contentHash: string;
  readonly packed: Uint8Array;
};

export type ObjectName = { readonly namespace: string; readonly name: string };

/** How far a kind has come. */
export type KindProgress = {
  /** Where a watch may resume; '' when the kind must be listed. */
  readonly resumeVersion: string;
  /** The last version seen, kept while resumeVersion is '' so that the gap can say where it begins. */
  readonly seenVersion: string;
  /** No version after seenVersion was committed before this, by the API server's clock; 0 when nothing is known. */
  readonly seenAtUs: number;
  /** A list was completed in this epoch. */
  readonly isSynced: boolean;
  /** The collector has the same objects, and gets every change: nothing has to be sent whole first. */
  readonly isAgreed: boolean;
  /** Version up to which it was last found to have the same; '' when it never was in this epoch. */
  readonly agreedVersion: string;
  /** When; 0 when never. */
  readonly agreedAtUs: number;
  /** The last coverage message, '' when there was none. */
  readonly coverage: CoverageState | '';
  readonly coverageReason: string;
};

export type KindRow = { readonly id: number; readonly group: string; readonly resource: string } & KindProgress;

/** The statements of known.db. Everything is synchronous: SQLite is a library here, not a server. */
export type KnownDatabase = {
  readonly epoch: string;
  readonly appliedSequence: number;
  kinds(): readonly KindRow[];
  /** Adds or replaces the kind of that id. */
  writeKind(kind: Pick<KindRow, 'id' | 'group' | 'resource'>, progress: KindProgress): void;
  get(kind: number, name: ObjectName): KnownObject | undefined;
  put(kind: number, name: ObjectName, object: KnownObject): void;
  remove(kind: number, name: ObjectName): void;
  objects(kind: number): Iterable<ObjectName & { readonly uid: string }>;
  members(kind: number): Iterable<KindMember>;
  /** The next names after this one, in an order of their own, at most `limit`. */
  namesAfter(kind: number, after: ObjectName, limit: number): readonly ObjectName[];
  /** Objects of one kind. */
  countOf(kind: number): number;
  count(): number;
  begin(): void;
  rollback(): void;
  commit(appliedSequence: number): void;
  close(): void;
};

/** Pages kept in memory: the rest stays on disk, which is what keeps the agent small. */
const cacheKiB = 4096;

/**
 * synchronous=FULL: the spool forgets what is applied here, so a commit must survive a power cut. It comes about once a
 * second. One process owns the file (exclusive locking needs no shared-memory file beside it).
 */
const pragmas = `
  PRAGMA locking_mode = EXCLUSIVE;
  PRAGMA journal_mode = WAL;
  PRAGMA synchronous = FULL;
  PRAGMA cache_size = -${cacheKiB};
  PRAGMA journal_size_limit = 8388608;
  PRAGMA foreign_keys = OFF;
  PRAGMA trusted_schema = OFF;`;

export const schemaVersion = 3;

const schema = `
  CREATE TABLE stream (epoch TEXT NOT NULL, applied_sequence INTEGER NOT NULL) STRICT;
  CREATE TABLE kinds (
    id INTEGER PRIMARY KEY, grp TEXT NOT NULL, resource TEXT NOT NULL,
    resume_version TEXT NOT NULL DEFAULT '', seen_version TEXT NOT NULL DEFAULT '', seen_at_us INTEGER NOT NULL DEFAULT 0,
    is_synced INTEGER NOT NULL DEFAULT 0, is_agreed INTEGER NOT NULL DEFAULT 0,
    agreed_version TEXT NOT NULL DEFAULT '', agreed_at_us INTEGER NOT NULL DEFAULT 0, coverage TEXT NOT NULL DEFAULT '', coverage_reason TEXT NOT NULL DEFAULT '',
    UNIQUE (grp, resource)
  ) STRICT;
  CREATE TABLE objects (
    kind INTEGER NOT NULL, namespace TEXT NOT NULL, name TEXT NOT NULL, uid TEXT NOT NULL, api_version TEXT NOT NULL,
    resource_version TEXT NOT NULL, content_hash TEXT NOT NULL, packed BLOB NOT NULL, UNIQUE (kind, namespace, name)
  ) STRICT;
  PRAGMA user_version = ${schemaVersion};`;

/**
 * Opens known.db or makes it. Forms are written as they come until the file holds `plainFormsLimitBytes`, deflated beyond.
 * Throws what SQLite throws when the file is not such a database.
 */
export function openKnownDatabase(path: string, epoch: string, plainFormsLimitBytes: number): KnownDatabase {
  const database = new DatabaseSync(path);
  try {
    database.exec(pragmas);
    const version = Number(database.prepare('PRAGMA user_version').get()?.['user_version'] ?? 0);
    if (version === 0) createSchema(database, epoch);
    else if (version !== schemaVersion)
      throw new Error(`known objects are of version ${version}, not ${schemaVersion}`);
    return createStatements(database, plainFormsLimitBytes);
  } catch (error) {
    database.close();
    throw error;
  }
}

function createSchema(database: DatabaseSync, epoch: string): void {
  database.exec('BEGIN');
  database.exec(schema);
  database.prepare('INSERT INTO stream (epoch, applied_sequence) VALUES (?, 0)').run(epoch);
  database.exec('COMMIT');
}

function createStatements(database: DatabaseSync, plainFormsLimitBytes: number): KnownDatabase {
  const stream = database.prepare('SELECT epoch, applied_sequence FROM stream').get();
  if (stream === undefined) throw new Error('known objects have no stream');
  const begin = database.prepare('BEGIN');
  const rollback = database.prepare('ROLLBACK');
  const commit = database.prepare('COMMIT');
  const applied = database.prepare('UPDATE stream SET applied_sequence = max(applied_sequence, ?)');
  const heldBytes = bytesHeld(database);
  let isRoomy = heldBytes() < plainFormsLimitBytes;
  return {
    epoch: String(stream['epoch']),
    appliedSequence: Number(stream['applied_sequence']),
    ...kindStatements(database),
    ...objectStatements(database, () => isRoomy),
    begin: () => void begin.run(),
    rollback: () => void rollback.run(),
    commit(appliedSequence) {
      applied.run(appliedSequence);
      commit.run();
      isRoomy = heldBytes() < plainFormsLimitBytes;
    },
    close: () => database.close(),
  };
}

function kindStatements(database: DatabaseSync): Pick<KnownDatabase, 'kinds' | 'writeKind'> {
  const select = database.prepare('SELECT * FROM kinds');
  const upsert = database.prepare(
    'INSERT INTO kinds (id, grp, resource, resume_version, seen_version, seen_at_us, is_synced, is_agreed, ' +
      'agreed_version, agreed_at_us, coverage, coverage_reason) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ' +
      'ON CONFLICT (id) DO UPDATE SET resume_version = excluded.resume_version, seen_version = excluded.seen_version, ' +
      'seen_at_us = excluded.seen_at_us, is_synced = excluded.is_synced, is_agreed = excluded.is_agreed, ' +
      'agreed_version = excluded.agreed_version, agreed_at_us = excluded.agreed_at_us, coverage = excluded.coverage, ' +
      'coverage_reason = excluded.coverage_reason',
  );
  return {
    kinds: () => select.all().map(toKindRow),
    writeKind({ id, group, resource }, kind) {
      const { resumeVersion, seenVersion, seenAtUs, agreedVersion, agreedAtUs, coverage, coverageReason } = kind;
      const seen = [id, group, resource, resumeVersion, seenVersion, seenAtUs, kind.isSynced ? 1 : 0];
      upsert.run(...seen, kind.isAgreed ? 1 : 0, agreedVersion, agreedAtUs, coverage, coverageReason);
    },
  };
}

function toKindRow(row: ReturnType<StatementSync['all']>[number]): KindRow {
  return {
    id: Number(row['id']),
    group: String(row['grp']),
    resource: String(row['resource']),
    resumeVersion: String(row['resume_version']),
    seenVersion: String(row['seen_version']),
    seenAtUs: Number(row['seen_at_us']),
    isSynced: Number(row['is_synced']) === 1,
    isAgreed: Number(row['is_agreed']) === 1,
    agreedVersion: String(row['agreed_version']),
    agreedAtUs: Number(row['agreed_at_us']),
    coverage: String(row['coverage']) as CoverageState | '',
    coverageReason: String(row['coverage_reason']),
  };
}

type ObjectStatements = Pick<
  KnownDatabase,
  'get' | 'put' | 'remove' | 'objects' | 'members' | 'namesAfter' | 'countOf' | 'count'
>;

/** Bytes of the pages that hold something. */
function bytesHeld(database: DatabaseSync): () => number {
  const pages = database.prepare('PRAGMA page_count');
  const free = database.prepare('PRAGMA freelist_count');
  const pageBytes = Number(database.prepare('PRAGMA page_size').get()?.['page_size'] ?? 0);
  return () => (Number(pages.get()?.['page_count'] ?? 0) - Number(free.get()?.['freelist_count'] ?? 0)) * pageBytes;
}

function objectStatements(database: DatabaseSync, isRoomy: () => boolean): ObjectStatements {
  const select = database.prepare(
    'SELECT uid, api_version, resource_version, content_hash, packed FROM objects ' +
      'WHERE kind = ? AND namespace = ? AND name = ?',
  );
  const upsert = database.prepare(
    'INSERT INTO objects (kind, namespace, name, uid, api_version, resource_version, content_hash, packed) ' +
      'VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (kind, namespace, name) DO UPDATE SET uid = excluded.uid, ' +
      'api_version = excluded.api_version, resource_version = excluded.resource_version, ' +
      'content_hash = excluded.content_hash, packed = excluded.packed',
  );
  const remove = database.prepare('DELETE FROM objects WHERE kind = ? AND namespace = ? AND name = ?');
  const count = database.prepare('SELECT count(*) AS n FROM objects');
  const list = database.prepare('SELECT namespace, name, uid FROM objects WHERE kind = ?');
  const member = database.prepare('SELECT namespace, name, uid, content_hash FROM objects WHERE kind = ?');
  const page = database.prepare(
    'SELECT namespace, name FROM objects WHERE kind = ? AND (namespace, name) > (?, ?) ORDER BY namespace, name LIMIT ?',
  );
  const countOfKind = database.prepare('SELECT count(*) AS n FROM objects WHERE kind = ?');
  return {
    get(kind, { namespace, name }) {
      const row = select.get(kind, namespace, name);
      if (row === undefined) return undefined;
      return {
        uid: row['uid'] as string,
        apiVersion: row['api_version'] as string,
        resourceVersion: row['resource_version'] as string,
        contentHash: row['content_hash'] as string,
        packed: row['packed'] as Uint8Array,
      };
    },
    put(kind, { namespace, name }, { uid, apiVersion, resourceVersion, contentHash, packed }) {
      const form = isRoomy() ? packed : deflateForm(packed);
      upsert.run(kind, namespace, name, uid, apiVersion, resourceVersion, contentHash, form);
    },
    remove: (kind, { namespace, name }) => void remove.run(kind, namespace, name),
    *objects(kind) {
      for (const row of list.iterate(kind)) {
        yield { namespace: row['namespace'] as string, name: row['name'] as string, uid: row['uid'] as string };
      }
    },
    *members(kind) {
      for (const row of member.iterate(kind)) {
        yield {
          namespace: row['namespace'] as string,
          name: row['name'] as string,
          uid: row['uid'] as string,
          contentHash: row['content_hash'] as string,
        };
      }
    },
    namesAfter(kind, { namespace, name }, limit) {
      const rows = page.all(kind, namespace, name, limit);
      return rows.map((row) => ({ namespace: row['namespace'] as string, name: row['name'] as string }));
    },
    countOf: (kind) => Number(countOfKind.get(kind)?.['n'] ?? 0),
    count: () => Number(count.get()?.['n'] ?? 0),
  };
}
