/** The agent's observing half on a real API server: streamed lists, bookmarks, a crash under it, a kill of its own. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import https from 'node:https';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { type JsonObject, canonicalJson, redact } from '@driftline/proto';
import { normalise } from '../../agent/src/capture/normalise.ts';
import { kubeconfigAccess } from '../../agent/src/kube/kubeconfig-access.ts';
import {
  type History,
  type Life,
  RecordingSink,
  capturePorts,
  crashImage,
  current,
  endLife,
  killLife,
  observe,
  temporaryFolder,
  told,
  until,
} from '../contract/agent-witness.ts';
import { type ControlPlane, startControlPlane } from './control-plane/control-plane.ts';

let plane: ControlPlane;
const folder = temporaryFolder();
before(() => {
  plane = startControlPlane();
});
const lives: Life[] = [];
after(async () => {
  await Promise.all(lives.map((life) => life.watch.close()));
  plane?.stop();
  folder.remove();
});

type Answer = { readonly status: number; readonly object: JsonObject };

function send(method: string, path: string, body?: JsonObject): Promise<Answer> {
  const { promise, resolve, reject } = Promise.withResolvers<Answer>();
  const type = method === 'PATCH' ? 'application/merge-patch+json' : 'application/json';
  const headers = { authorization: `Bearer ${plane.adminToken}`, 'content-type': type };
  const request = https.request(
    `${plane.server}${path}`,
    { method, headers, ca: readFileSync(plane.caFile), agent: false },
    (response) => {
      const parts: Buffer[] = [];
      response.on('data', (part: Buffer) => parts.push(part));
      response.on('end', () => {
        resolve({
          status: response.statusCode ?? 0,
          object: JSON.parse(Buffer.concat(parts).toString()) as JsonObject,
        });
      });
    },
  );
  request.on('error', reject);
  request.end(body === undefined ? undefined : JSON.stringify(body));
  return promise;
}

const maps = '/api/v1/namespaces/default/configmaps';
const form = (name: string, object: JsonObject): string =>
  canonicalJson(redact(normalise(object, name), capturePorts.hmac));

/** Writes at random and notes in `history` what the API server answered: our witness. */
async function write(history: History, count: number): Promise<void> {
  const alive = new Set<string>();
  for (let i = 0; i < count; i++) {
    const name = `map-${i % 5}`;
    const key = `configmaps default/${name}`;
    const forms = history.get(key) ?? [];
    history.set(key, forms);
    const exists = alive.has(name) || (forms.length > 0 && forms.at(-1) !== 'deleted');
    const fresh = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name }, data: { n: String(i) } };
    if (!exists) forms.push(form('configmaps', (await send('POST', maps, fresh)).object));
    else if (i % 7 === 0) {
      await send('DELETE', `${maps}/${name}`);
      forms.push('deleted');
    } else forms.push(form('configmaps', (await send('PATCH', `${maps}/${name}`, { data: { n: String(i) } })).object));
    if (forms.at(-1) === 'deleted') alive.delete(name);
    else alive.add(name);
  }
}

/** Everything that the API server has, kind by kind as the agent watches it. */
async function reality(life: Life): Promise<Map<string, string>> {
  const found: History = new Map();
  const paths = new Map<string, { path: string; kind: string; apiVersion: string }>();
  for (const { body } of life.sink.messages) {
    if (body.type !== 'delta') continue;
    const { group, resource, kind } = body.ref;
    const name = group === '' ? resource : `${resource}.${group}`;
    const root = group === '' ? `/api/${body.apiVersion}` : `/apis/${body.apiVersion}`;
    paths.set(name, { path: `${root}/${resource}`, kind, apiVersion: body.apiVersion });
  }
  for (const [name, { path, kind, apiVersion }] of paths) {
    const { object } = await send('GET', path);
    for (const item of object['items'] as readonly JsonObject[]) {
      const { namespace = '', name: own } = item['metadata'] as { namespace?: string; name: string };
      found.set(`${name} ${namespace}/${own}`, [form(name, { apiVersion, kind, ...item })]);
    }
  }
  return current(found);
}

async function agrees(life: Life): Promise<void> {
  let difference = '';
  await until(async () => {
    const [seen, real] = [current(await told(life.sink.messages)), await reality(life)];
    difference = [...new Set([...seen.keys(), ...real.keys()])].find((key) => seen.get(key) !== real.get(key)) ?? '';
    return difference === '';
  }, 'the timeline equals the API server').catch((error: unknown) => assert.fail(`${String(error)}: ${difference}`));
}

test('every version once and in order; then the API server crashes, then the agent, and the state is the real one', async () => {
  const access = kubeconfigAccess(plane.kubeconfig);
  const knownPath = join(folder.path, 'known-1.db');
  const first = await observe(access, { knownPath, sink: new RecordingSink() });
  lives.push(first);
  await first.watch.ready;
  await agrees(first);
  const watched = first.watch.status().filter(({ state }) => state === 'watched').length;
  assert.ok(watched > 30, `${watched} kinds are watched`);
  assert.deepEqual(
    first.watch.status().filter(({ state }) => state === 'failing' || state === 'forbidden'),
    [],
  );

  const history: History = new Map();
  await write(history, 150);
  await agrees(first);
  const toldMaps = [...(await told(first.sink.messages))].filter(([key]) => history.has(key));
  assert.deepEqual(new Map(toldMaps), history);

  plane.crash('apiserver');
  plane.start('apiserver');
  await write(history, 30);
  await agrees(first);

  crashImage(knownPath, join(folder.path, 'known-2.db'));
  await killLife(first);
  await write(history, 30);
  const sink = new RecordingSink(() => 1, first.sink.messages);
  const second = await observe(access, { knownPath: join(folder.path, 'known-2.db'), sink });
  lives.push(second);
  await second.watch.ready;
  await agrees(second);
  const gaps = sink.messages
    .slice(first.sink.messages.length)
    .flatMap(({ body }) => (body.type === 'gap' ? [body] : []));
  assert.deepEqual(gaps, [], 'the watch window survived: there is nothing to confess');
  await endLife(second);
});
