/** What the command line says of the collector's policies: exceptions, and files that are refused. */
import type { ApiException } from '@driftline/proto';
import assert from 'node:assert/strict';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { type CliWorld, openCliWorld } from './open-cli-world.ts';

let world: CliWorld;
before(async () => {
  world = await openCliWorld();
});
after(() => world.close());

/** Runs, and expects the exit code. */
async function driftline(status: number, ...args: readonly string[]): Promise<string> {
  const run = await world.run(args);
  assert.equal(run.status, status, `driftline ${args.join(' ')}\n${run.out}\n${run.err}`);
  assert.ok(!/\n {4}at /.test(run.err), run.err);
  return status === 0 || status === 1 ? run.out : run.err;
}
const json = async <T>(...args: readonly string[]) => JSON.parse(await driftline(0, ...args, '-o', 'json')) as T;

describe('exceptions', () => {
  test('state, end, owner and use; the gate names what it stops at', async () => {
    const text = await driftline(0, 'exceptions');
    assert.match(
      text,
      /^EXCEPTION +STATE +EXPIRES +OWNER +HOLDS +CONTROLS +REMARK *\nEX-ended +expired +2020-01-01 +team-a +0 /,
    );
    assert.match(text, /\nEX-idle +active +2999-01-01 +team-a +0 +DL-POD-001 +unused\n/);
    const { items } = await json<{ items: ApiException[] }>('exceptions', '--expiring', '30d');
    assert.deepEqual(
      items.map(({ id }) => id),
      ['EX-ended'],
    );
    const wide = await driftline(0, 'exceptions', '-o', 'wide');
    assert.match(wide, /\n {2}ends {5}2999-01-01: it does not hold from 2999-01-02T00:00:00\.000000Z on\n/);
    const run = await world.run(['exceptions', '--expiring', '30d', '--fail-on', 'expired,unused']);
    assert.deepEqual([run.status, run.err], [1, 'driftline: EX-ended is expired, EX-idle is unused: exit 1\n']);
    await driftline(0, 'exceptions', '--fail-on', 'over-broad,expiring');
    assert.match(
      await driftline(2, 'exceptions', '--fail-on', 'old'),
      /takes expired, expiring, unused, over-broad, not 'old'/,
    );
    assert.match(await driftline(2, 'exceptions', '--expiring', 'soon'), /'soon' is no length of time/);
    assert.match(await driftline(4, 'findings', '--exception', 'EX-none'), /the bundle has no 'EX-none'/);
    assert.equal(await driftline(0, 'findings', '--exception', 'EX-idle'), 'No findings.\n');
  });
});

describe('policies that are refused', () => {
  test('status says where and why, and which goes on, with exit 1', async () => {
    const bad = join(world.policies, 'bad.yaml');
    const { policies } = world.collector.parts;
    const look = async (): Promise<void> => {
      await policies.look();
      await policies.look();
    };
    writeFileSync(bad, 'kind: Nothing\n');
    await look();
    const text = await driftline(1, 'status');
    assert.match(
      text,
      /\nThe policy files are REFUSED since \S+ \S+; bundle [0-9a-f]{16} goes on:\n {2}\S*bad\.yaml:1:\d+: kind must be/,
    );
    rmSync(bad);
    await look();
    assert.ok(!(await world.run(['status'])).out.includes('REFUSED'));
  });
});
