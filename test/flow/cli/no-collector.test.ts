/** The real `driftline` binary where no collector is. */
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { runCli } from './open-cli-world.ts';

test('something else at the address is said so, without a stack', async () => {
  for (const body of ['<html>', '{}', 'null']) {
    const server = createServer((_, response) => response.end(body));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const run = await runCli(['log'], {
      DRIFTLINE_URL: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    });
    server.close();
    assert.deepEqual([run.status, /is not a collector's API/.test(run.err)], [3, true], run.err);
  }
});
