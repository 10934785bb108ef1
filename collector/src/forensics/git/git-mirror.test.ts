import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, renameSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { pino } from 'pino';
import { defaultGitLimits, type GitLimits } from './git-limits.ts';
import { GitMirror } from './git-mirror.ts';
import { parseRepositories } from './repositories-file.ts';
import {
  createPracticeRepository,
  isMissing,
  type PracticeRepository,
  searchPath,
  signWithNewKey,
  signWithNewPgpKey,
} from './testing/practice-repository.ts';

const needsGit = { skip: isMissing('git') };
const needsSsh = { skip: isMissing('git') || isMissing('ssh-keygen') };
const needsPgp = { skip: isMissing('git') || isMissing('gpg') };
const unknown = '1'.repeat(40);

const closers = new WeakMap<TestContext, (() => unknown)[]>();

/** Runs when the test ends, what was opened last first: the hooks of a test itself run in the order they were given. */
function atEnd(t: TestContext, close: () => unknown): void {
  const known = closers.get(t);
  if (known !== undefined) return void known.push(close);
  const list = [close];
  closers.set(t, list);
  t.after(async () => {
    for (const each of list.toReversed()) await each();
  });
}

const openRepository = (t: TestContext): PracticeRepository => {
  const repository = createPracticeRepository();
  atEnd(t, () => repository.remove());
  return repository;
};

type MirrorSettings = { readonly limits?: Partial<GitLimits>; readonly searchPath?: string; readonly log?: string[] };

/** Not started: tests fetch when they want. */
const openMirror = (
  t: TestContext,
  repository: PracticeRepository,
  entry: object = {},
  settings: MirrorSettings = {},
): GitMirror => {
  const [parsed] = parseRepositories({ repositories: [{ path: repository.path, branch: 'main', ...entry }] });
  assert.ok(parsed !== undefined);
  const mirror = new GitMirror({
    entry: parsed,
    folder: join(repository.folder, 'mirrors'),
    searchPath: settings.searchPath ?? searchPath,
    limits: { ...defaultGitLimits, ...settings.limits },
    logger: pino({ level: 'debug' }, { write: (line) => void settings.log?.push(line) }),
    now: () => Date.parse('2026-03-02T00:00:00Z'),
    random: () => 0.5,
    onFetch() {},
  });
  atEnd(t, () => mirror.close());
  return mirror;
};

const find = async (mirror: GitMirror, sha: string) => {
  const { commits, problem } = await mirror.find([sha, unknown]);
  assert.equal(problem, undefined);
  assert.equal(commits.has(unknown), false);
  return commits.get(sha);
};

test('a commit is found with author, committer, times, pull request, trailers and branch', needsGit, async (t) => {
  const repository = openRepository(t);
  const first = repository.commit('Start');
  repository.git('checkout', '--quiet', '-b', 'feature');
  repository.commit('Work');
  repository.git('checkout', '--quiet', 'main');
  repository.git(
    'merge',
    '--quiet',
    '--no-ff',
    '-m',
    'Merge pull request #7 from shop/feature\n\nNew frontend',
    'feature',
  );
  const merge = repository.git('rev-parse', 'HEAD');
  const squash = repository.commit(
    'Roll out 4.13.0 (#12)\n\nBecause.\n\nReviewed-by: Bob <bob@example.com>\nApproved-by: Carol\n',
  );
  const mirror = openMirror(t, repository);
  assert.equal((await mirror.find([first])).problem, 'it has not been fetched yet');
  assert.equal(await mirror.fetch(), true);
  assert.deepEqual(await find(mirror, squash), {
    repository: repository.path,
    sha: squash,
    subject: 'Roll out 4.13.0 (#12)',
    author: { name: 'Alice Example', email: 'alice@example.com' },
    authoredAt: '2026-03-01T09:00:00.000000Z',
    committer: { name: 'Alice Example', email: 'alice@example.com' },
    committedAt: '2026-03-01T09:05:00.000000Z',
    pullRequest: { number: 12, reference: '#12' },
    trailers: [
      { type: 'reviewed-by', value: 'Bob <bob@example.com>' },
      { type: 'approved-by', value: 'Carol' },
    ],
    branch: 'main',
    isOnBranch: true,
    signature: { state: 'none', signer: '', key: '' },
  });
  assert.equal((await find(mirror, merge))?.pullRequest?.number, 7);
  assert.equal((await find(mirror, first))?.isOnBranch, true);
  const { state, head, fetchedAt, problem } = mirror.status;
  assert.deepEqual([state, head, fetchedAt, problem], ['ready', squash, '2026-03-02T00:00:00.000000Z', '']);
});

test('what is no commit is not found: a tree, an id of another kind', needsGit, async (t) => {
  const repository = openRepository(t);
  const sha = repository.commit('Start');
  const mirror = openMirror(t, repository);
  await mirror.fetch();
  const tree = repository.git('rev-parse', `${sha}^{tree}`);
  const { commits } = await mirror.find([tree, 'a'.repeat(64), sha]);
  assert.deepEqual([...commits.keys()], [sha]);
});

test('after a forced push the commit is still known, and known not to be on the branch', needsGit, async (t) => {
  const repository = openRepository(t);
  repository.commit('Start');
  const gone = repository.commit('Sneaked in');
  const mirror = openMirror(t, repository);
  await mirror.fetch();
  assert.equal((await find(mirror, gone))?.isOnBranch, true);
  repository.git('reset', '--quiet', '--hard', 'HEAD~1');
  const next = repository.commit('Honest');
  repository.git('reflog', 'expire', '--expire=now', '--all');
  repository.git('gc', '--quiet', '--prune=now');
  await mirror.fetch();
  assert.equal((await find(mirror, gone))?.isOnBranch, false);
  assert.equal((await find(mirror, next))?.isOnBranch, true);
});

test('a commit of another branch is known, and known not to be on the tracked one', needsGit, async (t) => {
  const repository = openRepository(t);
  repository.commit('Start');
  repository.git('checkout', '--quiet', '-b', 'feature');
  const sha = repository.commit('Not reviewed');
  const mirror = openMirror(t, repository);
  await mirror.fetch();
  assert.equal((await find(mirror, sha))?.isOnBranch, false);
});

test(
  'a signature of an allowed SSH signer is valid; another, a broken one and one that nobody can check are not',
  needsSsh,
  async (t) => {
    const repository = openRepository(t);
    const allowedSignersFile = signWithNewKey(repository, 'alice').allow('alice@example.com');
    const good = repository.commit('Signed');
    signWithNewKey(repository, 'mallory');
    const stranger = repository.commit('Signed, too');
    const forged = repository.write(repository.git('cat-file', 'commit', good).replace('\n\nSigned', '\n\nForged'));
    repository.git('branch', 'forged', forged);
    const mirror = openMirror(t, repository, { allowedSignersFile });
    await mirror.fetch();
    const signature = async (sha: string, from = mirror) => (await find(from, sha))?.signature;
    const valid = await signature(good);
    assert.deepEqual([valid?.state, valid?.signer], ['valid', 'alice@example.com']);
    assert.match(valid?.key ?? '', /^SHA256:/);
    const other = await signature(stranger);
    assert.deepEqual([other?.state, other?.signer], ['unknown-signer', '']);
    assert.equal((await signature(forged))?.state, 'bad');
    const without = openMirror(t, repository, { match: { tenant: 'other' } });
    await without.fetch();
    assert.equal((await signature(good, without))?.state, 'unchecked');
  },
);

test('a signer that is taken off the list is believed no longer', needsSsh, async (t) => {
  const repository = openRepository(t);
  const allowedSignersFile = signWithNewKey(repository, 'alice').allow('alice@example.com');
  const sha = repository.commit('Signed');
  const mirror = openMirror(t, repository, { allowedSignersFile });
  await mirror.fetch();
  assert.equal((await find(mirror, sha))?.signature.state, 'valid');
  writeFileSync(allowedSignersFile, '# nobody\n');
  assert.equal((await find(mirror, sha))?.signature.state, 'unknown-signer');
});

test('a signature by an allowed OpenPGP key is valid, and only by one', needsPgp, async (t) => {
  const repository = openRepository(t);
  const key = signWithNewPgpKey(repository);
  const sha = repository.commit('Signed');
  const allowedKeysFile = key.allow();
  const mirror = openMirror(t, repository, { allowedKeysFile });
  await mirror.fetch();
  assert.deepEqual((await find(mirror, sha))?.signature, {
    state: 'valid',
    signer: 'Alice <alice@example.com>',
    key: key.fingerprint,
  });
  writeFileSync(allowedKeysFile, '');
  assert.equal((await find(mirror, sha))?.signature.state, 'unknown-signer');
});

test(
  'hostile messages are shown on one line, printable, without secrets, cut; a huge commit stays unresolved',
  needsGit,
  async (t) => {
    const repository = openRepository(t);
    const ansi = repository.commit('\u001b[31mred\u001b[0m \u202egnp\u0007 (#3)\n\nApproved-by: \u001b]0;x\u0007Eve\n');
    const secret = repository.commit('use password=Tr0ub4dor3xyzzy and go');
    const long = repository.commit('x'.repeat(5_000));
    const huge = repository.commit(`Huge\n\n${'y'.repeat(300_000)}`);
    const mirror = openMirror(t, repository);
    await mirror.fetch();
    const red = await find(mirror, ansi);
    assert.equal(red?.subject, '[31mred [0m  gnp  (#3)');
    assert.equal(red?.pullRequest?.number, 3);
    assert.doesNotMatch(JSON.stringify(red), /\\u00|\u202e/);
    assert.doesNotMatch(JSON.stringify(await find(mirror, secret)), /Tr0ub4dor3xyzzy/);
    assert.equal((await find(mirror, long))?.subject.length, 512);
    assert.equal(await find(mirror, huge), undefined);
  },
);

test(
  'while the repository is away, what was fetched is answered from, and recovery needs no restart',
  needsGit,
  async (t) => {
    const repository = openRepository(t);
    const sha = repository.commit('Start');
    const mirror = openMirror(t, repository);
    await mirror.fetch();
    renameSync(repository.path, `${repository.path}.away`);
    assert.equal(await mirror.fetch(), false);
    assert.equal(mirror.status.state, 'failing');
    assert.match(mirror.status.problem, /^git failed: fatal: /);
    assert.equal((await find(mirror, sha))?.subject, 'Start');
    renameSync(`${repository.path}.away`, repository.path);
    const next = repository.commit('Next');
    assert.equal(await mirror.fetch(), true);
    assert.equal(mirror.status.state, 'ready');
    assert.equal((await find(mirror, next))?.subject, 'Next');
  },
);

test('a lock that a killed fetch left does not stop the next one', needsGit, async (t) => {
  const repository = openRepository(t);
  const sha = repository.commit('Start');
  const mirror = openMirror(t, repository);
  await mirror.fetch();
  const [name = ''] = readdirSync(join(repository.folder, 'mirrors'));
  writeFileSync(join(repository.folder, 'mirrors', name, 'refs/heads/main.lock'), '');
  const next = repository.commit('Next');
  assert.equal(await mirror.fetch(), true);
  assert.deepEqual([...(await mirror.find([sha, next])).commits.keys()], [sha, next]);
});

test(
  'a branch that is not there, git that is not installed, a fetch that takes too long: each is said',
  needsGit,
  async (t) => {
    const repository = openRepository(t);
    repository.commit('Start');
    const wrong = openMirror(t, repository, { branch: 'production' });
    assert.equal(await wrong.fetch(), false);
    assert.equal(wrong.status.problem, 'it has no branch production');
    const without = openMirror(t, repository, {}, { searchPath: '/nonexistent' });
    assert.equal(await without.fetch(), false);
    assert.equal(without.status.problem, 'git is not installed where the collector runs');
    const server = createServer(() => {});
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    atEnd(t, () => server.close().closeAllConnections());
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/deployments.git`;
    const slow = openMirror(t, repository, { path: undefined, url }, { limits: { fetchTimeoutMs: 300 } });
    assert.equal(await slow.fetch(), false);
    assert.equal(slow.status.problem, 'git did not finish in time');
  },
);

test('credentials reach the server that asks for them, and neither log nor status', needsGit, async (t) => {
  const repository = openRepository(t);
  const seen: string[] = [];
  const server = createServer((request, response) => {
    seen.push(request.headers.authorization ?? '');
    response.writeHead(401, { 'www-authenticate': 'Basic realm="git"' }).end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  atEnd(t, () => server.close().closeAllConnections());
  const credentialsFile = join(repository.folder, 'credentials');
  writeFileSync(credentialsFile, 'username=reader\npassword=practice-token-1\n');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/deployments.git`;
  const log: string[] = [];
  const mirror = openMirror(t, repository, { path: undefined, url, credentialsFile }, { log });
  assert.equal(await mirror.fetch(), false);
  const basic = `Basic ${Buffer.from('reader:practice-token-1').toString('base64')}`;
  assert.ok(seen.includes(basic), seen.join('\n'));
  assert.doesNotMatch(log.join('\n') + JSON.stringify(mirror.status), /practice-token-1/);
  assert.match(log.join('\n'), /git-fetch-failed/);
});

test('hooks and settings of the machine do not run', needsGit, async (t) => {
  const repository = openRepository(t);
  const sha = repository.commit('Start');
  const mirror = openMirror(t, repository);
  await mirror.fetch();
  const proof = join(repository.folder, 'ran');
  const [name = ''] = readdirSync(join(repository.folder, 'mirrors'));
  const hook = join(repository.folder, 'mirrors', name, 'hooks', 'reference-transaction');
  mkdirSync(join(hook, '..'), { recursive: true });
  writeFileSync(hook, `#!/bin/sh\ntouch ${proof}\n`, { mode: 0o755 });
  repository.commit('Next');
  assert.equal(await mirror.fetch(), true);
  assert.equal((await find(mirror, sha))?.subject, 'Start');
  assert.equal(existsSync(proof), false);
});
