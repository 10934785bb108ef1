import { Metadata } from '@grpc/grpc-js';
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { identify, identityOfCertificate } from './peer-identity.ts';
import { pino } from 'pino';
import { createTokenBook } from './tokens.ts';
import { openTokensFile, readTokens } from './tokens-file.ts';

const token = 'a-synthetic-test-token';

test('a certificate names its cluster by URI, and only in a form that cannot be forged', () => {
  const east = { tenant: 'acme', cluster: 'east', role: 'agent' };
  assert.deepEqual(identityOfCertificate('URI:driftline://acme/east'), east);
  assert.deepEqual(identityOfCertificate('DNS:agent.example.org, URI:driftline://acme/east'), east);
  for (const forged of [
    undefined,
    '',
    'DNS:driftline://acme/east',
    'URI:driftline://acme',
    'URI:driftline://acme/east/west',
    'URI:driftline://acme/ea st',
    'URI:https://acme/east',
    'URI:driftline://acme/east, URI:driftline://acme/west',
    'DNS:"x, URI:driftline://acme/east, y"',
  ])
    assert.equal(identityOfCertificate(forged), undefined, forged);
});

test('a token is found by value or by digest, and only as an agent may it stream', () => {
  const sha256 = createHash('sha256').update('another-synthetic-token').digest('hex');
  const book = createTokenBook([
    { token, tenant: 'acme', cluster: 'east', role: 'agent' },
    { sha256, role: 'reader' },
  ]);
  const metadata = (value: string): Metadata => {
    const made = new Metadata();
    made.set('authorization', value);
    return made;
  };
  const known = identify(metadata(`Bearer ${token}`), undefined, book);
  assert.deepEqual(known, { type: 'known', credential: { tenant: 'acme', cluster: 'east', role: 'agent' } });
  for (const [value, code] of [
    ['Bearer another-synthetic-token', 'forbidden'],
    [`Bearer ${token}x`, 'unauthenticated'],
    [`Bearer ${token.slice(1)}`, 'unauthenticated'],
    [`Basic ${token}`, 'unauthenticated'],
    ['Bearer', 'unauthenticated'],
  ] as const) {
    const refused = identify(metadata(value), undefined, book);
    assert.equal(refused.type === 'unknown' ? refused.code : refused.type, code, value);
  }
});

test('a tokens file that cannot be used says why, without a token in the text', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'driftline-tokens-'));
  try {
    const read = async (text: string): Promise<string> => {
      const path = join(dir, 'tokens.json');
      await writeFile(path, text);
      return readTokens(path).then(
        () => 'usable',
        (error: Error) => error.message,
      );
    };
    assert.equal(await read(JSON.stringify({ tokens: [{ token, cluster: 'east', role: 'agent' }] })), 'usable');
    for (const [text, reason] of [
      [`{"tokens": [{"token": "${token}"`, /not JSON/],
      ['[]', /needs a list/],
      [JSON.stringify({ tokens: [{ token, role: 'agent' }] }), /needs a cluster/],
      [JSON.stringify({ tokens: [{ token: 'short', cluster: 'east', role: 'agent' }] }), /tokens\.0\.token/],
      [JSON.stringify({ tokens: [{ token, cluster: '../x', role: 'agent' }] }), /tokens\.0\.cluster/],
      [JSON.stringify({ tokens: [{ token, cluster: 'east', role: 'root' }] }), /tokens\.0\.role/],
      [JSON.stringify({ tokens: [{ token, sha256: '0'.repeat(64), cluster: 'e', role: 'agent' }] }), /either/],
    ] as const) {
      const message = await read(text);
      assert.match(message, reason);
      assert.ok(!message.includes(token));
    }
    await assert.rejects(readTokens(join(dir, 'absent.json')), /cannot be read/);
  } finally {
    await rm(dir, { recursive: true, maxRetries: 10 });
  }
});

test('a tokens file that changed counts from then on; one that is not usable leaves what was', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'driftline-tokens-'));
  const path = join(dir, 'tokens.json');
  const write = (...clusters: string[]) =>
    writeFile(
      path,
      JSON.stringify({ tokens: clusters.map((cluster) => ({ token: `${token}-${cluster}`, cluster, role: 'agent' })) }),
    );
  const lines: string[] = [];
  const logger = pino({ level: 'info' }, { write: (line: string) => void lines.push(line) });
  try {
    await write('east');
    const tokens = await openTokensFile({ path, logger });
    const known = () => ['east', 'west'].filter((cluster) => tokens.find(`${token}-${cluster}`)?.cluster === cluster);
    assert.deepEqual(known(), ['east']);
    await write('east', 'west');
    await tokens.reload();
    assert.deepEqual(known(), ['east', 'west']);
    await writeFile(path, `{"tokens": [{"token": "${token}"`);
    await tokens.reload();
    await tokens.reload();
    assert.deepEqual(known(), ['east', 'west'], 'a slip of the pen locks nobody out');
    await write('west');
    await tokens.reload();
    assert.deepEqual(known(), ['west'], 'a token that was taken away is nobody’s');
    await rm(path);
    await tokens.reload();
    assert.deepEqual(known(), ['west']);
    await tokens.close();
    const events = lines.map((line) => (JSON.parse(line) as { event: string }).event);
    const [reloaded, failed] = ['tokens-reloaded', 'tokens-reload-failed'];
    assert.deepEqual(events, [reloaded, failed, reloaded, failed]);
    assert.ok(!lines.join('').includes(token));
  } finally {
    await rm(dir, { recursive: true, maxRetries: 10 });
  }
});
