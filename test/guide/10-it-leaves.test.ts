/**
 * Chapter 10: it leaves.
 *
 * What is recorded goes on to where people already look: a SIEM, an alert channel, a file. A forwarder has a durable
 * cursor into the timeline and speaks OCSF: a transition of a finding is a Compliance Finding (class 2003), an audit
 * event linked to a change an API Activity (class 6003). It moves its cursor only after the receiver has taken the
 * events: a receiver that is down makes it wait, a crash makes it repeat, and repetitions have the ids of the first time.
 *
 * collector/src/notify; here a webhook that is down at first, and a file of JSON lines.
 */
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { openEmbeddedSystem } from '../fakes/embedded-system.ts';
import { freePort, until } from '../fakes/embedded/process.ts';

type Ocsf = {
  readonly class_uid: number;
  readonly activity_name: string;
  readonly message: string;
  readonly metadata: { readonly uid: string };
  readonly finding_info?: { readonly uid: string };
};

test('a finding leaves as an OCSF event with its whole life, whether the receiver is up or not', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'driftline-guide-'));
  const archive = join(folder, 'events.jsonl');
  const port = await freePort();
  const forwardersFile = join(folder, 'forwarders.json');
  const forwarders = [
    { name: 'siem', type: 'webhook', url: `http://127.0.0.1:${port}/ocsf` },
    { name: 'archive', type: 'file', path: archive },
  ];
  writeFileSync(forwardersFile, JSON.stringify({ forwarders }));
  const system = await openEmbeddedSystem({
    cluster: { world: 'company', controllers: false },
    collectorFlags: { 'forwarders-file': forwardersFile },
  });
  t.after(async () => {
    await system.close();
    rmSync(folder, { recursive: true, maxRetries: 10 });
  });

  system.cluster.stories.play('open-ingress');
  system.cluster.stories.undo('open-ingress');
  await system.settled();
  // What stands after the last line end is being written.
  const inFile = (): Ocsf[] =>
    !existsSync(archive)
      ? []
      : readFileSync(archive, 'utf8')
          .split('\n')
          .slice(0, -1)
          .map((line) => JSON.parse(line) as Ocsf);
  const created = 'alice@example.com create ingresses internal-tools/admin-panel';
  // Other objects of that name come and go as well; and who did it is known after what was done.
  const lifeOfIngress = (): Ocsf[] =>
    inFile().filter(
      ({ class_uid, message }) =>
        class_uid === 2003 && message.startsWith('Ingresses must use TLS') && message.includes('admin-panel'),
    );
  const activities = (): string[] => inFile().flatMap((event) => (event.class_uid === 6003 ? [event.message] : []));
  await until(() => lifeOfIngress().length >= 2 && activities().includes(created), 'the file has it');

  // The finding's life: created and closed under one uid, while every event has its own.
  const [create, close] = lifeOfIngress();
  assert.deepEqual([create?.activity_name, close?.activity_name], ['Create', 'Close']);
  assert.equal(create?.finding_info?.uid, close?.finding_info?.uid);
  assert.notEqual(create?.metadata.uid, close?.metadata.uid);

  // The webhook was down all the while. It comes up and gets everything, under the same ids.
  const received: Ocsf[] = [];
  const receiver = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const body: unknown = JSON.parse(Buffer.concat(chunks).toString());
      received.push(...(Array.isArray(body) ? (body as Ocsf[]) : [body as Ocsf]));
      response.end();
    });
  });
  receiver.listen(port, '127.0.0.1');
  t.after(() => receiver.close().closeAllConnections());
  const ids = (events: readonly Ocsf[]): string[] => [...new Set(events.map(({ metadata }) => metadata.uid))].sort();
  await until(() => ids(received).join() === ids(inFile()).join(), 'the webhook has caught up');
  assert.ok(received.length > 0);
});
