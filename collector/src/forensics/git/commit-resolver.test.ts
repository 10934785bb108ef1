import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ApiApproval, ApiChange, ApiCommit } from '@driftline/proto';
import { createCommitResolver } from './commit-resolver.ts';
import { parseRepositories } from './repositories-file.ts';

const sha = '0123456789abcdef0123456789abcdef01234567';
const url = 'https://git.example.com/platform/deployments.git';

const commit: ApiCommit = {
  repository: url,
  sha,
  subject: 'Roll out',
  author: { name: 'Alice', email: 'alice@example.com' },
  authoredAt: null,
  committer: { name: 'Alice', email: 'alice@example.com' },
  committedAt: null,
  pullRequest: null,
  trailers: [],
  branch: 'main',
  isOnBranch: true,
  signature: { state: 'valid', signer: 'alice@example.com', key: 'SHA256:x' },
};

const mirror = (match: object, of: Partial<ApiCommit> | null = {}, problem?: string) => {
  const [entry] = parseRepositories({ repositories: [{ url, branch: 'main', match }] });
  assert.ok(entry !== undefined);
  return {
    entry,
    status: { repository: url, branch: 'main', state: 'ready', head: sha, fetchedAt: null, problem: '' } as const,
    find: async (shas: readonly string[]) => ({
      commits: new Map(of === null ? [] : shas.map((each) => [each, { ...commit, ...of }] as const)),
      problem,
    }),
  };
};

const evidence: ApiApproval = { type: 'gitops-revision', value: sha, state: 'claimed', path: '/status/sync/revision' };

type By = { readonly origin?: ApiChange['origin']['kind']; readonly confidence?: ApiChange['who']['confidence'] };

const changeWith = (approval: ApiApproval, { origin = 'gitops', confidence = 'exact' }: By = {}): ApiChange => ({
  id: 'e:1',
  object: { cluster: 'east', group: '', kind: 'X', resource: 'xs', namespace: '', name: 'x', uid: '' },
  apiVersion: 'v1',
  resourceVersion: '1',
  op: 'modified',
  observedAt: '',
  happened: { notBefore: null, notAfter: '', source: 'watch' },
  fields: [],
  who: {
    user: '',
    groups: [],
    impersonatedUser: '',
    sourceIps: [],
    userAgent: '',
    verb: '',
    managers: [],
    confidence,
    evidence: '',
  },
  origin: { kind: origin, evidence: '' },
  approval: [approval],
  findings: [],
  verdicts: [],
  regressions: [],
  synthesised: false,
});

const resolveOne = async (
  from: ReturnType<typeof mirror>,
  approval: ApiApproval,
  by?: By,
  tenant = 'default',
): Promise<ApiApproval | undefined> =>
  (await createCommitResolver([from]).resolve(tenant, [changeWith(approval, by)]))[0]?.approval[0];

test('verified: a GitOps controller, seen by audit, on a signed commit of the tracked branch; otherwise claimed', async () => {
  const state = async (of: Partial<ApiCommit>, approval: Partial<ApiApproval> = {}, by?: By) =>
    (await resolveOne(mirror({}, of), { ...evidence, ...approval }, by))?.state;
  assert.equal(await state({}), 'verified');
  assert.equal(await state({}, {}, { confidence: 'probable' }), 'verified');
  assert.equal(await state({}, {}, { confidence: 'manager-only' }), 'claimed');
  assert.equal(await state({}, {}, { origin: 'human' }), 'claimed');
  assert.equal(await state({}, { type: 'change-reference' }), 'claimed');
  assert.equal(await state({}, { state: 'earlier' }), 'earlier');
  assert.equal(await state({ isOnBranch: false }), 'claimed');
  for (const signature of ['none', 'unknown-signer', 'expired', 'revoked', 'bad', 'unchecked'] as const)
    assert.equal(await state({ signature: { state: signature, signer: '', key: '' } }), 'claimed', signature);
});

test('a commit of a repository of another tenant or other clusters is not shown', async () => {
  assert.deepEqual(await resolveOne(mirror({ tenant: 'other' }), evidence), evidence);
  assert.deepEqual(await resolveOne(mirror({ clusters: ['west'] }), evidence), evidence);
  assert.equal((await resolveOne(mirror({ clusters: ['east'] }), evidence))?.commit?.subject, 'Roll out');
  const resolver = createCommitResolver([mirror({ clusters: ['west'] })]);
  assert.deepEqual(resolver.status('default', 'east'), []);
  assert.deepEqual(resolver.status('other', ''), []);
  assert.equal(resolver.status('default', '').length, 1);
});

test('evidence that names a repository resolves there and nowhere else', async () => {
  const from = async (repository: string, match = {}) =>
    (await resolveOne(mirror(match), { ...evidence, repository }))?.commit !== undefined;
  assert.equal(await from('git@git.example.com:platform/deployments.git'), true);
  assert.equal(await from('https://git.example.com/platform/other.git'), false);
  const below = { repoURLs: ['https://git.example.com/platform/*'] };
  assert.equal(await from('https://git.example.com/platform/other.git', below), true);
  assert.equal(await from('https://git.example.com/platform-2/other.git', below), false);
});

test('a commit that is not there, and a repository that cannot be asked, are told apart', async () => {
  assert.equal((await resolveOne(mirror({}, null), evidence))?.commitProblem, `${url} has no such commit`);
  assert.equal(
    (await resolveOne(mirror({}, null, 'git did not finish in time'), evidence))?.commitProblem,
    `${url} cannot be asked: git did not finish in time`,
  );
  const branchName = { ...evidence, value: 'main' };
  assert.deepEqual(await resolveOne(mirror({}), branchName), branchName);
});
