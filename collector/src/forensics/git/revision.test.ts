import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ApiApproval } from '@driftline/proto';
import { normalRepository, revisionOf } from './revision.ts';

const sha = '0123456789abcdef0123456789abcdef01234567';
const digest = 'ab'.repeat(32);
const named = (type: ApiApproval['type'], value: string) => revisionOf({ type, value })?.sha;

test('controllers name a commit by its full id, alone or behind a branch', () => {
  assert.equal(named('gitops-revision', sha), sha);
  assert.equal(named('gitops-revision', digest), digest);
  assert.equal(named('gitops-revision', `main@sha1:${sha}`), sha);
  assert.equal(named('gitops-revision', `feature/x/${sha}`), sha);
  for (const other of ['main', '1.2.3', sha.slice(1), sha.toUpperCase(), `${sha} --all`, `--output=${sha}`, `${sha}\n`])
    assert.equal(named('gitops-revision', other), undefined, other);
});

test('references and causes name one in their text; an image digest is none', () => {
  assert.equal(named('change-reference', `CHG-42 ${sha}`), sha);
  assert.equal(named('change-cause', `kubectl apply of ${sha}.`), sha);
  assert.equal(named('change-cause', `kubectl set image web=web@sha256:${digest}`), undefined);
  assert.equal(named('change-reference', 'CHG-42'), undefined);
  assert.equal(named('gitops-application', sha), undefined);
  const page = { type: 'change-reference', value: `https://git.example.com/shop/web/-/commit/${sha}` } as const;
  assert.deepEqual(revisionOf(page), { sha, repository: 'git.example.com/shop/web' });
});

test('one repository has one address, however it is written', () => {
  const spellings = [
    'https://git.example.com/shop/web.git',
    'https://git.example.com/shop/web/',
    'https://user@GIT.example.com:8443/shop/web',
    'ssh://git@git.example.com/shop/web.git',
    'git@git.example.com:shop/web.git',
  ];
  for (const spelling of spellings) assert.equal(normalRepository(spelling), 'git.example.com/shop/web', spelling);
  assert.notEqual(normalRepository('https://git.example.com/shop/web2'), 'git.example.com/shop/web');
});
