import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { auditReachUs } from '@driftline/proto';
import { systemClock } from '../clock.ts';
import { followClusterClock } from '../cluster-clock.ts';
import { fixedAccess } from '../kube/kube-access.ts';
import { openKubeClient } from '../kube/kube-client.ts';
import { atEnd, silentLogger, temporaryDirectory } from '../spool/spool-fixture.ts';
import { createHeldSink, createTestRecorder } from './audit-fixture.ts';
import { defaultServerDropsLimits, followServerDrops } from './server-drops.ts';

type Server = { startedAtS: number; webhook: number; log: number; status: number };

const metricsOf = ({
  startedAtS,
  webhook,
  log,
}: Server): string => `# HELP apiserver_audit_error_total [ALPHA] Counter of audit events that failed to be audited properly.
# TYPE apiserver_audit_error_total counter
apiserver_audit_error_total{plugin="webhook"} ${webhook}
apiserver_audit_error_total{plugin="log"} ${log}
apiserver_audit_event_total 9000
process_start_time_seconds ${startedAtS.toExponential()}
`;

async function follow(context: TestContext, server: Server, statePath?: string) {
  const directory = await temporaryDirectory();
  const requests = { count: 0 };
  const api = http.createServer((_request, response) => {
    requests.count += 1;
    response.writeHead(server.status, { 'content-type': 'text/plain' }).end(metricsOf(server));
  });
  await new Promise<void>((resolve) => api.listen(0, '127.0.0.1', resolve));
  const sink = createHeldSink();
  const visible: boolean[] = [];
  const kube = openKubeClient({
    access: fixedAccess({ server: `http://127.0.0.1:${(api.address() as AddressInfo).port}` }),
    userAgent: 'test',
  });
  const following = await followServerDrops({
    statePath: statePath ?? join(directory.path, 'drops.json'),
    kube,
    recorder: createTestRecorder(sink),
    clock: followClusterClock({ host: systemClock, monotonicMs: () => performance.now() }),
    logger: silentLogger,
    limits: { ...defaultServerDropsLimits, pollIntervalMs: 5 },
    onVisible: async (areVisible) => void visible.push(areVisible),
  });
  atEnd(context, async () => {
    await following.close();
    await directory.remove();
    kube.close();
    api.close().closeAllConnections();
  });
  return {
    visible,
    begins: () => sink.bodies.flatMap((body) => (body.type === 'gap' ? [body.fromUs] : [])),
    gaps: () => sink.bodies.flatMap((body) => (body.type === 'gap' ? [`${body.cause}: ${body.detail}`] : [])),
    /** Until the server as it is now was asked at least once, and what it said was worked on. */
    asked: async (): Promise<void> => {
      for (const until = requests.count + 3; requests.count < until; )
        await new Promise((resolve) => setTimeout(resolve, 2));
    },
  };
}

const lost = (count: number): string =>
  `audit_drop: the API server could not deliver ${count} audit events (apiserver_audit_error_total)`;

test('what an API server could not deliver is confessed with its count, by each process for itself', async (context) => {
  const server: Server = { startedAtS: 1_700_000_000, webhook: 7, log: 0, status: 200 };
  const { asked, gaps, visible } = await follow(context, server);
  await asked();
  assert.deepEqual([gaps(), visible], [[], [true]], 'what was lost before is not news');
  server.webhook = 12;
  await asked();
  assert.deepEqual(gaps(), [lost(5)]);
  Object.assign(server, { startedAtS: 1_700_000_500, webhook: 3 });
  await asked();
  assert.deepEqual(gaps(), [lost(5)], 'another server that was there before');
  Object.assign(server, { startedAtS: 1_700_000_000, log: 2, webhook: 12 });
  await asked();
  assert.deepEqual(gaps(), [lost(5), lost(2)]);
  Object.assign(server, { startedAtS: Date.now() / 1000 + 60, log: 0, webhook: 4 });
  await asked();
  assert.deepEqual(gaps(), [lost(5), lost(2), lost(4)], 'one that started since began at 0');
});

test('drops are visible once there is permission', async (context) => {
  const server: Server = { startedAtS: 1_700_000_000, webhook: 0, log: 0, status: 403 };
  const { asked, gaps, visible } = await follow(context, server);
  await asked();
  server.status = 200;
  await asked();
  assert.deepEqual([gaps(), visible], [[], [true]]);
});

test('what was lost while the agent was away is confessed when it is back', async (context) => {
  const directory = await temporaryDirectory();
  atEnd(context, () => directory.remove());
  const state = join(directory.path, 'drops.json');
  const server: Server = { startedAtS: 1_700_000_000, webhook: 7, log: 0, status: 200 };
  const atUs = 1_700_000_300_000_000;
  await writeFile(state, JSON.stringify({ [server.startedAtS.toExponential()]: { count: 3, atUs } }));
  const { asked, begins, gaps } = await follow(context, server, state);
  await asked();
  assert.deepEqual(gaps(), [lost(4)]);
  assert.deepEqual(begins(), [atUs - auditReachUs], 'it tried for a while before it gave up');
  await writeFile(state, 'damaged');
  const again = await follow(context, server, state);
  await again.asked();
  assert.deepEqual(again.gaps(), []);
});
