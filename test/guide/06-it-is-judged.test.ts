/**
 * Chapter 6: it is judged.
 *
 * A control is one rule, written as data (policy/library/controls). Most are CEL over one object. Some need to see how
 * objects hang together: those are relation controls. Either way a control sees the cluster only through a tracked view:
 * the engine remembers what each evaluation read and runs again exactly those whose reads changed. So judging one change
 * costs the same in a cluster of ten objects and of a hundred thousand, and the result is that of judging everything.
 *
 * What comes out are transitions in the life of findings: opened, updated, resolved, reopened.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type ObjectChange, createEngine } from '@driftline/policy';
import { readLibrary } from '@driftline/policy/library';
import type { JsonObject } from '@driftline/proto';
import { after, before } from './the-change.ts';

const loaded = await readLibrary();
assert.ok(loaded.ok);
const { bundle } = loaded;
const nowMs = Date.UTC(2026, 10, 21, 2, 13);

/** An engine that has seen nothing yet, and what it says to a change. */
function judge() {
  const engine = createEngine({ controls: bundle.controls.map(({ control }) => control) });
  const say = (...objects: readonly JsonObject[]): string[] =>
    engine
      .apply(objects.map(changeOf), nowMs)
      .map(
        ({ finding, state, reason }) => `${state} ${finding.control} ${finding.object.name} ${finding.path}: ${reason}`,
      );
  return { engine, say };
}

function changeOf(object: JsonObject): ObjectChange {
  const { name, namespace = '' } = object['metadata'] as { name: string; namespace?: string };
  const { apiVersion, kind } = object as { apiVersion: string; kind: string };
  const group = apiVersion.includes('/') ? (apiVersion.split('/')[0] ?? '') : '';
  const key = { group, kind, namespace, name };
  return { key, uid: `uid-${name}`, after: object };
}

test('a CEL control judges the object that changed', () => {
  const { say } = judge();
  assert.deepEqual(say(before), []);
  assert.deepEqual(say(after), [
    'opened DL-RBAC-007 shop-developers subjects[name=system:unauthenticated]: anybody who reaches the API server has the rights of edit',
  ]);
  // Taken back: the finding is resolved, and that is a transition too.
  assert.equal(say(before)[0]?.split(':')[0], 'resolved DL-RBAC-007 shop-developers subjects[name=system');
});

test('a relation control sees what no single object shows', () => {
  const { say } = judge();
  const deployment: JsonObject = {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'ledger', namespace: 'shop' },
    spec: { template: { metadata: { labels: { app: 'ledger' } }, spec: { containers: [] } } },
  };
  const service: JsonObject = {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'ledger', namespace: 'shop' },
    spec: { selector: { app: 'ledger' } },
  };
  const exposed = { ...service, spec: { type: 'LoadBalancer', selector: { app: 'ledger' } } };
  const reachable = (transitions: readonly string[]) => transitions.filter((text) => text.includes('DL-NET-002'));

  assert.deepEqual(reachable(say(deployment, service)), []);
  // Somebody changes the Service. The Deployment was not touched, and yet it is the one that has a finding now.
  assert.deepEqual(reachable(say(exposed)), [
    'opened DL-NET-002 ledger spec.template.metadata.labels: reachable from outside by LoadBalancer Service ledger',
  ]);
});

test('incremental = from scratch: the findings are those of an engine that sees everything anew', () => {
  const lived = judge();
  lived.say(before);
  lived.say(after);
  const fresh = judge();
  fresh.say(after);
  assert.deepEqual(lived.engine.findings(), fresh.engine.findings());
});
