import assert from 'node:assert/strict';
import { createReadStream, existsSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { canonicalJson, type JsonObject } from '@driftline/proto';
import { readLibrary } from '../../../library/read-library.ts';
import type { CompiledControl, ObjectChange } from '../../contract.ts';
import { objectKeyOf } from '../../language/read-json.ts';
import { createEngine, type Engine } from '../engine.ts';
import { createMemoryObjectStore } from '../object-store.ts';
import { oracleControls } from './controls.ts';
import { Pool } from './edit-world.ts';
import { createRandom } from './random.ts';

const corpora = process.env['DRIFTLINE_CORPORA'];
const file = corpora === undefined ? '' : join(corpora, 'realworld', 'objects.jsonl');
const skip = existsSync(file) ? false : 'SKIPPED 3879 manifests of real projects: set DRIFTLINE_CORPORA';

async function readObjects(): Promise<readonly JsonObject[]> {
  const objects: JsonObject[] = [];
  for await (const line of createInterface({ input: createReadStream(file) })) {
    const { object } = JSON.parse(line) as { object: JsonObject };
    objects.push(object);
  }
  return objects;
}

async function allControls(): Promise<readonly CompiledControl[]> {
  const loaded = await readLibrary();
  assert.ok(loaded.ok, JSON.stringify(loaded));
  return [...loaded.bundle.controls.map(({ control }) => control), ...oracleControls];
}

const formOf = (change: ObjectChange | undefined): ObjectChange['earlier'] =>
  change?.after && change.digest ? { object: change.after, digest: change.digest } : undefined;

const stateOf = (engine: Engine) => ({
  findings: engine.findings(),
  unanswered: engine.unanswered(),
  score: engine.score(),
});

test('incremental = from scratch over manifests of real projects, applied, edited and deleted one by one', {
  skip,
}, async () => {
  const controls = await allControls();
  const objects = await readObjects();
  const pool = new Pool(objects.filter((_, index) => index % 20 === 0));
  const random = createRandom(7);
  const store = createMemoryObjectStore();
  const engine = createEngine({ controls, store });
  const nowMs = 1_893_456_000_000;
  const applied: ObjectChange[] = [];
  const now = new Map<string, ObjectChange>();
  const apply = (given: ObjectChange) => {
    const place = JSON.stringify(given.key);
    const known = now.get(place);
    const change = { ...given, ...(given.after && { digest: canonicalJson(given.after) }), earlier: formOf(known) };
    if (change.after === undefined) now.delete(place);
    else now.set(place, change);
    store.take([change]);
    engine.apply([change], nowMs);
  };
  for (const [index, after] of objects.entries()) {
    const change = { key: objectKeyOf(after), uid: String(index), after };
    apply(change);
    applied.push(change);
    const other = now.get(JSON.stringify(applied[Math.floor(random() * applied.length)]?.key));
    if (other?.after !== undefined) {
      const choose = () => Math.floor(random() * 1_000);
      const way = (['remove', 'strange', 'insert', 'replace'] as const)[choose() % 4] ?? 'replace';
      const { apiVersion, kind, metadata } = other.after;
      const edited = pool.edited(other.after, { way, place: choose(), value: choose() });
      apply({ ...other, after: { ...edited, apiVersion, kind, metadata } as JsonObject });
    }
    if (random() < 0.3) {
      const victim = applied.at(Math.floor(random() * applied.length));
      if (victim !== undefined) apply({ ...victim, after: undefined });
    }
    if (index % 1_000 === 0 || index === objects.length - 1) {
      const scratch = createEngine({ controls });
      scratch.load(store.all());
      scratch.apply([], nowMs);
      assert.deepEqual(stateOf(engine), stateOf(scratch));
    }
  }
  assert.ok(engine.findings().length > 0);
});
