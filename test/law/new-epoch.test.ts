/**
 * An agent that has lost its memory lists its cluster again, while the collector restarts whenever it likes. Whatever
 * came and went meanwhile, the inventory ends as the cluster is: no phantom stays, nothing that exists is deleted.
 */
import { defaultPipelineLimits } from '@driftline/collector';
import type { KindSynced } from '@driftline/proto';
import * as fc from 'fast-check';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AgentStream } from '../fakes/agent-stream.ts';
import { createMemoryStore } from '../fakes/memory-timeline.ts';
import {
  body,
  bundle,
  configMap,
  cutOf,
  inventoryOf,
  item,
  knownOf,
  open,
  replay,
  sorted,
  versionsOf,
} from './pipeline-rig.ts';

const names = ['a', 'b', 'c', 'd', 'e'] as const;

/** Objects of the cluster by name, with a size. */
const objects = fc.dictionary(fc.constantFrom(...names), fc.nat(3), { maxKeys: names.length });

const synced = (agent: AgentStream): KindSynced => ({
  type: 'kind-synced',
  group: '',
  resource: 'configmaps',
  kind: 'ConfigMap',
  resourceVersion: agent.lastVersion,
  objects: agent.known.size,
});

/** Objects of this size are listed and sent, and rejected. */
const rejectedSize = 3;
const limits = { inventory: { ...defaultPipelineLimits.inventory, objectBytes: 400 } };
const formOf = (name: string, size: number) => body(name, { size, text: size === rejectedSize ? 'x'.repeat(500) : '' });

const list = (agent: AgentStream, cluster: Readonly<Record<string, number>>): void => {
  for (const [name, size] of Object.entries(cluster))
    agent.put(configMap(name), formOf(name, size), { op: 'snapshot' });
};

/** Of an object that was rejected, the last form that was not stays, within its gap. */
const readable = (agent: AgentStream, objects: Map<string, string>): [string, string][] => {
  const isRejected = (key: string): boolean => JSON.stringify(agent.known.get(key)?.object ?? '').length > 400;
  return sorted(objects).filter(([key]) => !isRejected(key));
};

/** The agent answers what it is asked for: whole, or deleted. What got lost in a restart is asked for again. */
const answer = async (agent: AgentStream, line: ReturnType<typeof open>): Promise<void> => {
  await line.pipeline.recoverAll();
  await line.pipeline.housekeep();
  const asked = line.feedback.flatMap((each) => (each.type === 'need-full' ? each.objects : []));
  for (const ref of asked) await line.pipeline.handle([item(agent, cutOf(agent.snapshot(ref)))]);
};

test('whatever came and went while the agent had no memory, and whenever the collector restarts, no phantom stays', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.record({ cluster: objects, restarts: fc.array(fc.nat(6), { maxLength: 3 }) }), {
        minLength: 1,
        maxLength: 3,
      }),
      fc.boolean(),
      fc.boolean(),
      async (lives, hasRelist, hasLateRestart) => {
        const store = createMemoryStore();
        const start = () => open(store, bundle(), () => 1_800_000_000_000, limits);
        let line = start();
        const restart = async (): Promise<void> => {
          await line.pipeline.close();
          line = start();
        };
        let agent = new AgentStream('none');
        for (const [life, { cluster, restarts }] of lives.entries()) {
          agent = new AgentStream(`e${life}`, 1_700_000_000_000_000 + life * 1e9, 1 + life * 1_000);
          const messages: (() => void)[] = [
            ...Object.entries(cluster).map(
              ([name, size]) =>
                () =>
                  list(agent, { [name]: size }),
            ),
            () => agent.send(synced(agent)),
            ...(hasRelist ? [() => agent.send(synced(agent))] : []),
          ];
          for (const [at, send] of messages.entries()) {
            send();
            await line.pipeline.handle([item(agent, cutOf(agent))]);
            if (restarts.includes(at)) await restart();
          }
          await answer(agent, line);
        }
        if (hasLateRestart) await restart();
        if (hasRelist) {
          await line.pipeline.handle([item(agent, cutOf(agent.send(synced(agent))))]);
        }
        await answer(agent, line);
        assert.deepEqual(readable(agent, inventoryOf(line.pipeline)), readable(agent, knownOf(agent)));
        assert.deepEqual(readable(agent, replay(store)), readable(agent, knownOf(agent)));
        await line.pipeline.close();
      },
    ),
    { numRuns: 150 },
  );
});

test('a kind that was listed completely before a restart is not asked for again by a relist after it', async () => {
  const store = createMemoryStore();
  const first = open(store);
  const before = new AgentStream('e0');
  list(before, { a: 1, b: 2 });
  await first.pipeline.handle([item(before, cutOf(before.send(synced(before))))]);
  const agent = new AgentStream('e1', 1_800_000_000_000_000, 1_000);
  list(agent, { a: 1, b: 2 });
  await first.pipeline.handle([item(agent, cutOf(agent.send(synced(agent))))]);
  await first.pipeline.close();
  const versions = versionsOf(store).length;
  const second = open(store);
  await second.pipeline.handle([item(agent, cutOf(agent.send(synced(agent))))]);
  assert.deepEqual(
    second.feedback.filter((each) => each.type === 'need-full'),
    [],
  );
  assert.equal(versionsOf(store).length, versions);
  await second.pipeline.close();
});
