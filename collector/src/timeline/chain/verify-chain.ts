/**
 * Recomputes a cluster's hash chains from the stored rows and says where the first one breaks. It trusts nothing but
 * the rows' values: digests, roots and links are made anew (SCHEMA.md, The chain). What it cannot see is a chain whose
 * newest batches were cut off cleanly: for that a link must have been kept elsewhere.
 */
import { loadSql } from '../reader/sql-file.ts';
import type { TimelineReader } from '../reader/timeline-reader.ts';
import type { StreamId } from '../rows.ts';
import type { ClusterId } from '../timeline.ts';
import { batchLink, batchRoot, chainVersions, genesisLink, rowDigest } from './chain.ts';
import { chainRows, type ReadChainRow } from './chain-rows.ts';

export type ChainBreak =
  | 'rows-altered' // as many rows as committed, with other contents, or at other places
  | 'rows-missing' // fewer rows than committed
  | 'rows-added' // more rows than committed, or rows between committed batches
  | 'batch-missing' // a batch does not continue the one before it: one was removed, repeated or moved
  | 'commit-altered'; // the commit row itself does not add up

export type ChainVerdict =
  | {
      readonly verdict: 'intact';
      readonly epochs: number;
      readonly batches: number;
      readonly rows: number;
      readonly links: readonly EpochLink[];
    }
  | {
      readonly verdict: 'broken';
      readonly break: ChainBreak;
      readonly epoch: string;
      readonly firstSequence: number;
      readonly lastSequence: number;
      /** One sentence. */
      readonly detail: string;
    };

/** The newest link of a stream: keep it elsewhere, and the timeline up to here can never be changed unseen. */
export type EpochLink = { readonly epoch: string; readonly lastSequence: number; readonly link: string };

type Broken = Extract<ChainVerdict, { verdict: 'broken' }>;

type Commit = {
  readonly epoch: string;
  readonly firstSequence: number;
  readonly lastSequence: number;
  readonly rowCounts: Readonly<Record<string, number>>;
  readonly recordedAtUs: number;
  readonly chainVersion: number;
  readonly root: string;
  readonly prev: string;
  readonly link: string;
};

const epochsSql = loadSql(import.meta.url, './epochs.sql');
const commitsSql = loadSql(import.meta.url, './commits.sql');

export async function verifyChain(reader: TimelineReader, cluster: ClusterId): Promise<ChainVerdict> {
  const { tenant, cluster: name } = cluster;
  const epochs = await reader.all<{ epoch: string; recordedSequence: number }>(epochsSql, { tenant, cluster: name });
  const links: EpochLink[] = [];
  let batches = 0;
  let rows = 0;
  for (const { epoch, recordedSequence } of epochs) {
    const result = await verifyStream(reader, { tenant, cluster: name, epoch }, recordedSequence);
    if ('verdict' in result) return result;
    batches += result.batches;
    rows += result.rows;
    links.push({ epoch, lastSequence: recordedSequence, link: result.link });
  }
  return { verdict: 'intact', epochs: epochs.length, batches, rows, links };
}

type Progress = { batches: number; rows: number; link: string };

/** Batches that are recorded meanwhile are not looked at: neither their rows nor that they were committed. */
async function verifyStream(
  reader: TimelineReader,
  stream: StreamId,
  lastSequence: number,
): Promise<Progress | Broken> {
  const rows = chainRows(reader, stream, lastSequence);
  const progress: Progress = { batches: 0, rows: 0, link: genesisLink };
  try {
    let next = await rows.next();
    for await (const commit of reader.query<Commit>(commitsSql, { ...stream, lastSequence })) {
      const found: ReadChainRow[] = [];
      while (next.done !== true && next.value.sequence <= commit.lastSequence) {
        found.push(next.value);
        next = await rows.next();
      }
      const broken = verifyBatch(stream, commit, { found, prev: progress.link });
      if (broken !== undefined) return broken;
      progress.batches += 1;
      progress.rows += found.length;
      progress.link = commit.link;
    }
    return progress;
  } finally {
    await rows.return();
  }
}

function verifyBatch(
  stream: StreamId,
  commit: Commit,
  seen: { readonly found: readonly ReadChainRow[]; readonly prev: string },
): Broken | undefined {
  const broken = (kind: ChainBreak, detail: string): Broken => ({
    verdict: 'broken',
    break: kind,
    epoch: stream.epoch,
    firstSequence: commit.firstSequence,
    lastSequence: commit.lastSequence,
    detail,
  });
  if (commit.prev !== seen.prev)
    return broken('batch-missing', `It follows link ${commit.prev}, but the batch before it has ${seen.prev}.`);
  if (!chainVersions.includes(commit.chainVersion))
    return broken('commit-altered', `Chain version ${commit.chainVersion} is unknown.`);
  const { chainVersion: version, firstSequence, lastSequence, recordedAtUs, root, prev } = commit;
  const link = batchLink({ version, stream, firstSequence, lastSequence, recordedAtUs, root, prev });
  if (link !== commit.link)
    return broken('commit-altered', `Its link is ${commit.link}, but its own columns give ${link}.`);
  const stray = seen.found.find(({ sequence }) => sequence < firstSequence);
  if (stray !== undefined)
    return broken('rows-added', `A row of ${stray.table} has sequence ${stray.sequence}, which no batch holds.`);
  if (batchRoot(seen.found.map((row) => rowDigest(row.as(version)))) === root) return undefined;
  const committed = Object.values(commit.rowCounts).reduce((sum, count) => sum + count, 0);
  const difference = seen.found.length - committed;
  if (difference < 0) return broken('rows-missing', `${-difference} of ${committed} rows are missing.`);
  if (difference > 0) return broken('rows-added', `${difference} rows more than the ${committed} committed.`);
  return broken('rows-altered', `Its ${committed} rows do not have the contents that were committed.`);
}
