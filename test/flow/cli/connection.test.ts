/** How the `driftline` command finds a collector, what it says of wrong usage, and that the binary does the same. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { bareEnvironment } from '../../fakes/embedded/process.ts';
import { binary, type CliWorld, expectCli, hostile } from './open-cli-world.ts';
import { openCliWorld, readerToken, runBinary, runCli } from './open-cli-world.ts';

let world: CliWorld;
const folder = mkdtempSync(join(tmpdir(), 'driftline-cli-files-'));
before(async () => {
  world = await openCliWorld();
});
after(async () => {
  await world.close();
  rmSync(folder, { recursive: true, force: true, maxRetries: 10 });
});

const driftline = (status: number, ...args: readonly string[]) => expectCli(world, status, args);

describe('the binary', () => {
  test('says, complains and exits as the command does', async () => {
    const commands = [
      ['log', '-o', 'json', '--snapshots'],
      ['log', 'pods', '-o', 'wide'],
      ['at', world.moments.afterHotfix, 'get', 'rolebinding/oncall', '-o', 'yaml'],
      ['findings', 'deploy', '--severity', 'critical', '--fail-on', 'low'],
      ['show', `pod/no${hostile}`],
      ['log', `--${hostile}`],
      ['score', '--help'],
    ];
    const codes = await Promise.all(
      commands.map(async (command) => {
        const run = await world.runBinary(command);
        assert.deepEqual(run, await world.run(command), command.join(' '));
        return run.status;
      }),
    );
    assert.deepEqual(codes, [0, 0, 0, 1, 4, 2, 0]);
  });

  test('finds no collector where none is, and is refused with a wrong token', async () => {
    const none = await runBinary(['log']);
    assert.deepEqual([none, none.status], [await runCli(['log']), 3]);
    const env = { DRIFTLINE_TOKEN: 'wrong' };
    const refused = await world.runBinary(['status'], env);
    assert.deepEqual([refused, refused.status], [await world.run(['status'], env), 3]);
  });

  test('something else at the address is said so, without a stack', async () => {
    for (const body of ['<html>', '{}', 'null']) {
      const server = createServer((_, response) => response.end(body));
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      const run = await runBinary(['log'], {
        DRIFTLINE_URL: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
      });
      server.close();
      assert.deepEqual([run.status, /is not a collector's API/.test(run.err)], [3, true], run.err);
    }
  });

  test('NO_COLOR and a pipe mean no colour; a terminal is never assumed', async () => {
    for (const env of [{ NO_COLOR: '1' }, { TERM: 'xterm-256color' }]) {
      const plain = await world.runBinary(['log'], env);
      assert.ok(plain.status === 0 && !plain.out.includes('\u001b'), plain.err);
    }
  });

  test('a reader that goes away early is no error', async () => {
    const env = { ...bareEnvironment(), HOME: tmpdir(), DRIFTLINE_URL: world.url, DRIFTLINE_TOKEN: readerToken };
    const shell = spawn(
      'bash',
      ['-c', `set -o pipefail; "$0" "$1" log -o json --snapshots | head -c 1; echo " $?"`, process.execPath, binary],
      { env },
    );
    const text = { out: '', err: '' };
    shell.stdout.on('data', (chunk: Buffer) => (text.out += chunk.toString()));
    shell.stderr.on('data', (chunk: Buffer) => (text.err += chunk.toString()));
    await new Promise((resolve) => shell.on('close', resolve));
    assert.deepEqual(text, { out: '{ 0\n', err: '' });
  });
});

describe('connection and usage', () => {
  test('wrong usage is exit 2 with what to do', async () => {
    assert.match(await driftline(2, 'bogus'), /no command 'bogus'; there are: log, show/);
    assert.match(await driftline(2, 'log', '--nope'), /there is no option '--nope'; 'driftline help log'/);
    assert.match(await driftline(2, 'log', '-o', 'xml'), /use json, yaml or wide/);
    assert.match(await driftline(2, 'log', '--limit', '-5'), /--limit takes a whole number .* not '-5'/);
    assert.match(await driftline(2, 'stauts'), /no command 'stauts': did you mean status\?/);
    assert.match(await driftline(2, 'log', '--limit', 'many'), /--limit takes a whole number/);
    assert.match(await driftline(2, 'log', '-n', 'a', '-A'), /either --namespace or --all-namespaces/);
    assert.match(await driftline(2, 'log', '-l', 'a=b=c'), /not a label selector/);
    assert.match(await driftline(2, 'log', 'deploy/'), /names no object/);
    assert.match(await driftline(2, 'log', 'a', 'b', 'c'), /too many arguments: c/);
    assert.match(await driftline(2, 'log', '--origin', 'aliens'), /origin: one of gitops, pipeline/);
    assert.match(await driftline(2, 'log', '--since', '1h', '--until', '2h'), /--since 1h is after --until 2h/);
    for (const command of [
      ['log', '--since', '2199-01-01'],
      ['at', '2199-01-01', 'get', 'deploy'],
      ['score', '--at', '2199-01-01'],
    ])
      assert.match(await driftline(2, ...command), /'2199-01-01' is in the future/);
    assert.match(await driftline(2, 'status', '-A'), /there is no option '-A'/);
    assert.match(await driftline(2, 'help', 'bogus'), /no command 'bogus'/);
    for (const command of ['status', 'score'])
      assert.match(await driftline(2, command, 'prod'), /too many arguments: prod/);
  });

  test('options may stand before the command, and the version can be asked', async () => {
    assert.equal(
      await driftline(0, '-n', 'shop', '-ojson', 'log'),
      await driftline(0, 'log', '-n', 'shop', '-o', 'json'),
    );
    assert.equal(
      await driftline(0, '--context=staging', '-A', 'log'),
      await driftline(0, 'log', '--context', 'staging'),
    );
    for (const how of ['--version', 'version', '-V'])
      assert.match(await driftline(0, how), /^driftline \d+\.\d+\.\d+\n$/);
  });

  test('help is exit 0, for every command', async () => {
    const overview = await driftline(0, 'help');
    for (const command of ['log', 'show', 'at', 'findings', 'exceptions', 'grants', 'score', 'status', 'policy']) {
      assert.ok(overview.includes(`\n  ${command} `), command);
      assert.match(await driftline(0, command, '--help'), new RegExp(`^usage: driftline ${command}`));
      assert.equal(await driftline(0, 'help', command), await driftline(0, command, '-h'));
    }
  });

  test('no collector, a wrong address and a wrong token are exit 3 and say which', async () => {
    const none = await runCli(['log']);
    assert.deepEqual([none.status, none.out], [3, '']);
    assert.match(none.err, /^driftline: no collector to ask: start one with 'npm start'/);
    for (const url of ['http://127.0.0.1:9', 'http://localhost:9']) {
      const away = await runCli(['log'], { DRIFTLINE_URL: url });
      assert.equal(away.status, 3);
      assert.match(away.err, /cannot reach the collector at http:\S+: \S.*\. Is it running\?\n$/);
    }
    for (const token of ['wrong', '']) {
      const refused = await world.run(['status'], { DRIFTLINE_TOKEN: token });
      assert.deepEqual([refused.status, refused.out], [3, '']);
      assert.match(refused.err, /refuses this token/);
    }
    const malformed = await runCli(['log'], { DRIFTLINE_URL: 'not a url' });
    assert.equal(malformed.status, 2);
  });

  test('flags win over the environment; a token file is read', async () => {
    const file = join(folder, 'token');
    writeFileSync(file, `${readerToken}\n`);
    const run = await runCli(['score', '--server', `${world.url}/`, '--token-file', file], {
      DRIFTLINE_URL: 'http://127.0.0.1:9',
      DRIFTLINE_TOKEN: 'wrong',
    });
    assert.equal(run.status, 0, run.err);
    assert.equal((await runCli(['score', '--server', world.url, '--token-file', join(folder, 'none')])).status, 2);
  });
});
