import assert from 'node:assert/strict';
import { mkdir, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { it } from 'node:test';
import { openRedactionKey } from './redaction-key.ts';
import { temporaryDirectory } from './spool/spool-fixture.ts';

it('makes a key only when told to, readable by its owner alone, and finds the same one again', async () => {
  const directory = await temporaryDirectory();
  const options = { path: join(directory.path, 'keys', 'key'), stateDir: join(directory.path, 'state') };
  await assert.rejects(openRedactionKey({ ...options, createsMissing: false }), { code: 'redaction-key' });
  const made = await openRedactionKey({ ...options, createsMissing: true });
  assert.equal((await stat(options.path)).mode & 0o777, 0o600);
  assert.equal((await readFile(options.path)).length, 32);
  const again = await openRedactionKey({ ...options, createsMissing: true });
  assert.equal(again.keyId, made.keyId);
  assert.equal(again.hmac('secret'), made.hmac('secret'));
  assert.match(made.hmac('secret'), /^[\w-]{22}$/);
  assert.notEqual(made.hmac('secret'), made.hmac('Secret'));
  await directory.remove();
});

it('another key gives other digests and another id', async () => {
  const directory = await temporaryDirectory();
  const open = async (name: string) => {
    const path = join(directory.path, name);
    return openRedactionKey({ path, stateDir: join(directory.path, 'state'), createsMissing: true });
  };
  const [one, two] = [await open('one'), await open('two')];
  assert.notEqual(one.keyId, two.keyId);
  assert.notEqual(one.hmac('secret'), two.hmac('secret'));
  await directory.remove();
});

it('does not take a key that would be lost with the state, nor one that can be guessed', async () => {
  const directory = await temporaryDirectory();
  const stateDir = join(directory.path, 'state');
  await mkdir(stateDir);
  const inside = { path: join(stateDir, 'key'), stateDir, createsMissing: true };
  await assert.rejects(openRedactionKey(inside), /state directory/);
  await symlink(stateDir, join(directory.path, 'elsewhere'));
  await assert.rejects(
    openRedactionKey({ ...inside, path: join(directory.path, 'elsewhere', 'key') }),
    /state directory/,
  );
  const short = join(directory.path, 'short');
  await writeFile(short, 'too short');
  await assert.rejects(openRedactionKey({ ...inside, path: short }), /9 bytes/);
  await directory.remove();
});
