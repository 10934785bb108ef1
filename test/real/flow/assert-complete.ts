/** Laws 1, 3 and 6 on what was recorded: everything that happened, once and in order, and nothing else. */
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { ask, recordedGaps, recordedVersions } from './recorded.ts';
import type { RecordedVersion, StoreAccess } from './recorded.ts';
import type { Histories, Witness } from './witness.ts';

export type Completeness = {
  readonly objects: number;
  readonly versions: number;
  readonly gaps: number;
};

const settleTimeoutMs = 180_000;

/** What exists according to the timeline: key → canonical text. */
export const replayed = (versions: readonly RecordedVersion[]): ReadonlyMap<string, string> => {
  const objects = new Map<string, string>();
  for (const { key, op, body } of versions) {
    if (op === 'deleted') objects.delete(key);
    else objects.set(key, body);
  }
  return objects;
};

/** Sentences about what is wrong; none when the timeline tells what the witness saw. */
const differences = (histories: Histories, versions: readonly RecordedVersion[]): readonly string[] => {
  const told = new Map<string, RecordedVersion[]>();
  for (const version of versions) told.set(version.key, [...(told.get(version.key) ?? []), version]);
  const wrong: string[] = [];
  for (const [key, history] of histories) {
    const recorded = told.get(key) ?? [];
    const texts = recorded.map(({ op, body }) => (op === 'deleted' ? '' : body));
    // What came before the agent's first look is not the timeline's to tell.
    const expected = recorded[0]?.op === 'snapshot' ? history.slice(-texts.length) : history;
    if (texts.length === 0 && history.at(-1) === '') continue; // over before the first look
    if (texts.length === expected.length && texts.every((text, at) => text === expected[at])) continue;
    const at = texts.findIndex((text, index) => text !== expected[index]);
    const place = at === -1 ? texts.length : at;
    wrong.push(
      `${key}: ${texts.length} versions recorded (${recorded.map(({ op }) => op).join(' ')}), ${history.length} happened; ` +
        `first difference at ${place}: ${differing(texts[place], expected[place])}`,
    );
  }
  for (const key of told.keys()) if (!histories.has(key)) wrong.push(`${key}: recorded, but never seen by the witness`);
  return wrong;
};

const differing = (recorded: string | undefined, happened: string | undefined): string => {
  const [a, b] = [recorded ?? '(nothing)', happened ?? '(nothing)'];
  let at = 0;
  while (at < a.length && a[at] === b[at]) at++;
  const from = Math.max(0, at - 60);
  return `…${a.slice(from, at + 100)}… instead of …${b.slice(from, at + 100)}…`;
};

/**
 * Waits until the timeline has caught up, then asserts that it is what happened: each version once and in order, equal
 * to what the API server lists now, and no gap but the allowed ones, each given as its cause or as `<cause> <resource>`.
 */
export async function assertComplete(
  witness: Witness,
  store: StoreAccess,
  cluster: string,
  allowedGaps: readonly string[] = ['epoch_start'],
): Promise<Completeness> {
  let wrong: readonly string[] = [];
  let versions: readonly RecordedVersion[] = [];
  for (const endMs = Date.now() + settleTimeoutMs; Date.now() < endMs; await sleep(500)) {
    const listed = await witness.list();
    versions = await recordedVersions(store, cluster);
    wrong = [...differences(witness.histories(), versions), ...unlike(replayed(versions), listed)];
    if (wrong.length === 0) break;
  }
  assert.deepEqual(wrong.slice(0, 10), [], `${cluster}: ${wrong.length} objects differ`);
  const ids = versions.map(({ id }) => id);
  assert.equal(new Set(ids).size, ids.length, `${cluster}: versions recorded twice`);
  const gaps = await recordedGaps(store, cluster);
  assert.deepEqual(
    gaps.filter(({ cause, resource }) => !allowedGaps.includes(cause) && !allowedGaps.includes(`${cause} ${resource}`)),
    [],
  );
  await assertGapless(store, cluster);
  return { objects: replayed(versions).size, versions: versions.length, gaps: gaps.length };
}

const unlike = (replay: ReadonlyMap<string, string>, listed: ReadonlyMap<string, string>): readonly string[] => {
  const wrong: string[] = [];
  for (const [key, text] of listed)
    if (replay.get(key) !== text) wrong.push(`${key}: the replay is not what is listed`);
  for (const key of replay.keys()) if (!listed.has(key)) wrong.push(`${key}: in the replay, but not listed`);
  return wrong;
};

/** Per epoch the commits cover 1…n without a hole or an overlap, and every row lies in a committed batch once. */
async function assertGapless(store: StoreAccess, cluster: string): Promise<void> {
  const commits = await ask<{ epoch: string; first: number; last: number }>(
    store,
    `SELECT epoch, first_sequence AS first, last_sequence AS last FROM batch_commits
     WHERE cluster = '${cluster}' AND epoch != 'collector' ORDER BY epoch_ordinal, first_sequence`,
  );
  const next = new Map<string, number>();
  for (const { epoch, first, last } of commits) {
    assert.equal(first, next.get(epoch) ?? 1, `${cluster} ${epoch}: sequences are not gapless`);
    next.set(epoch, last + 1);
  }
  for (const table of ['resource_versions', 'audit_events', 'links', 'finding_transitions']) {
    const [row] = await ask<{ rows: number; distinct: number }>(
      store,
      `SELECT count() AS rows, uniqExact(epoch, sequence, "index") AS distinct FROM ${table} WHERE cluster = '${cluster}'`,
    );
    assert.equal(row?.rows, row?.distinct, `${cluster}: ${table} holds a row twice`);
  }
}
