/** A rollout by GitOps, asked about: the revision that the change carries leads to the commit, its author and its review. */
import assert from 'node:assert/strict';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { ApiApproval, ApiChange, ApiPage, ApiStatus } from '@driftline/proto';
import {
  createPracticeRepository,
  isMissing,
  type PracticeRepository,
  signWithNewKey,
} from '../../collector/src/forensics/git/testing/practice-repository.ts';
import { type EmbeddedSystem, openEmbeddedSystem } from '../fakes/embedded-system.ts';
import { until } from '../fakes/embedded/process.ts';
import { alice, argo } from '../fakes/practice-cluster/stories/people.ts';
import { gitOps } from '../fakes/practice-cluster/world/gitops.ts';

const repoURL = 'https://git.example.com/platform/deployments.git';

describe('what Git says of a change', { skip: isMissing('git') || isMissing('ssh-keygen') }, () => {
  let repository: PracticeRepository;
  let system: EmbeddedSystem;
  let unsigned = '';
  let signed = '';
  before(async () => {
    repository = createPracticeRepository();
    unsigned = repository.commit('frontend 4.12.1 (#40)');
    const allowedSignersFile = signWithNewKey(repository, 'alice').allow('alice@example.com');
    signed = repository.commit(
      'Merge pull request #41 from shop/frontend\n\nfrontend 4.13.0\n\nApproved-by: Bob <bob@example.com>\n',
    );
    const file = join(repository.folder, 'git.json');
    const entry = { path: repository.path, branch: 'main', match: { repoURLs: [repoURL] }, allowedSignersFile };
    writeFileSync(file, JSON.stringify({ repositories: [entry] }));
    system = await openEmbeddedSystem({
      cluster: { world: 'company' },
      collectorFlags: { 'git-repositories-file': file },
    });
    const isReady = async () => (await system.get<ApiStatus>('status')).gitRepositories[0]?.state === 'ready';
    await until(isReady, 'the repository is fetched');
  });
  after(async () => {
    await system?.close();
    repository?.remove();
  });

  const newest = async (query: string): Promise<readonly ApiApproval[]> => {
    await system.settled();
    const [change] = await system.all<ApiChange>(`log?${query}`);
    return change?.approval ?? [];
  };

  test('author, pull request and approval are in `log -o json`; a signed commit on the branch verifies the change', async () => {
    gitOps.report(system.cluster.actor(argo), 'shop', signed, 'Healthy');
    await system.settled();
    const run = await system.cli('log', 'applications', 'shop', '-n', 'argocd', '-o', 'json');
    const [change] = (JSON.parse(run.out) as ApiPage<ApiChange>).items;
    const [evidence] = change?.approval ?? [];
    assert.equal(evidence?.state, 'verified');
    assert.equal(evidence.commit?.repository, repoURL);
    assert.deepEqual(evidence.commit.author, { name: 'Alice Example', email: 'alice@example.com' });
    assert.deepEqual(evidence.commit.pullRequest, { number: 41, reference: '#41' });
    assert.deepEqual(evidence.commit.trailers, [{ type: 'approved-by', value: 'Bob <bob@example.com>' }]);
  });

  test('people read it in `log`, and in `status` where it comes from', async () => {
    const log = await system.cli('log', 'applications', 'shop', '-n', 'argocd');
    const told =
      /: "Merge pull request #41 from shop\/frontend" by Alice Example <alice@example\.com>, #41, approved-by Bob <bob@example\.com>, signature valid alice@example\.com \(verified\)/;
    assert.match(log.out, told);
    const status = await system.cli('status');
    assert.match(
      status.out,
      /GIT REPOSITORY .*\n.*https:\/\/git\.example\.com\/platform\/deployments\.git +main +ready/,
    );
  });

  test('without a signature it stays claimed', async () => {
    gitOps.report(system.cluster.actor(argo), 'shop', unsigned, 'Healthy');
    const [evidence] = await newest('kind=applications&name=shop');
    assert.deepEqual([evidence?.state, evidence?.commit?.pullRequest?.number], ['claimed', 40]);
  });

  test('a person who names a signed commit has claimed it and no more', async () => {
    const annotations = { 'driftline.io/change-reference': signed };
    system.cluster
      .actor(alice)
      .patch({ apiVersion: 'apps/v1', kind: 'Deployment', namespace: 'shop', name: 'frontend' }, 'merge', {
        metadata: { annotations },
      });
    const found = (await newest('kind=deployments&namespace=shop&name=frontend')).find(
      ({ type }) => type === 'change-reference',
    );
    assert.deepEqual([found?.state, found?.commit?.signature.state], ['claimed', 'valid']);
  });

  test('a revision that the repository does not have is told as such, and the change is there', async () => {
    gitOps.report(system.cluster.actor(argo), 'shop', 'f'.repeat(40), 'Healthy');
    const [evidence] = await newest('kind=applications&name=shop');
    assert.deepEqual([evidence?.state, evidence?.commit], ['claimed', undefined]);
    assert.equal(evidence?.commitProblem, `${repoURL} has no such commit`);
  });

  test('the same answer after a restart of the collector while the repository is away', async () => {
    gitOps.report(system.cluster.actor(argo), 'shop', signed, 'Progressing');
    const told = await newest('kind=applications&name=shop');
    rmSync(repository.path, { recursive: true, maxRetries: 10 });
    await system.stopCollector();
    await system.startCollector();
    const isFailing = async () => (await system.get<ApiStatus>('status')).gitRepositories[0]?.state === 'failing';
    await until(isFailing, 'the repository is seen to be away');
    assert.deepEqual(await newest('kind=applications&name=shop'), told);
  });
});
