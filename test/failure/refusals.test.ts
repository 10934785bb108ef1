/** Who and what is turned away, and how clearly: wrong tokens, second agents, policies with an error. */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { type EmbeddedSystem, agentToken, openEmbeddedSystem, readerToken } from '../fakes/embedded-system.ts';
import { openPracticeCluster } from '../fakes/practice-cluster/index.ts';
import { type Program, freePort, startProgram, until } from '../fakes/embedded/process.ts';

describe('agents that are not let in', () => {
  let system: EmbeddedSystem;
  before(async () => {
    system = await openEmbeddedSystem({ audit: false });
  });
  after(() => system.close());

  /** Another agent of the same cluster with a state of its own. */
  async function otherAgent(
    name: string,
    token: string,
    kubeconfig = join(system.folder, 'kubeconfig'),
  ): Promise<{ program: Program; ready: () => Promise<string> }> {
    const tokenFile = join(system.folder, `${name}-token`);
    writeFileSync(tokenFile, token, { mode: 0o600 });
    const health = await freePort();
    const program = startProgram('agent/src/main.ts', {
      ...(await system.agentFlags()),
      'state-dir': join(system.folder, `${name}-state`),
      kubeconfig,
      'token-file': tokenFile,
      'health-listen': `127.0.0.1:${health}`,
      'audit-webhook-listen': `127.0.0.1:${await freePort()}`,
    });
    const ready = async () =>
      fetch(`http://127.0.0.1:${health}/readyz`).then(
        (answer) => answer.text(),
        () => '',
      );
    return { program, ready };
  }

  /** Of agents: the collector's own stream begins when it has something to say, which is nobody's who is not let in. */
  const epochs = () => system.timeline.ask<{ epoch: string }>("SELECT epoch FROM epochs WHERE epoch != 'collector'");
  const strangers = [
    ['wrong token', 'this-token-is-not-known-there', 'unauthenticated', /does not know the token/],
    ['the token of a reader', readerToken, 'forbidden', /not an agent's/],
    ['a second agent', agentToken, 'already-claimed', /another agent streams for this cluster/],
  ] as const;

  test('a wrong token, a wrong role, a second agent: a clear refusal, nothing recorded, the first goes on', async (t) => {
    const before = await epochs();
    const others = await Promise.all(strangers.map(([name, token]) => otherAgent(name.replaceAll(' ', '-'), token)));
    t.after(() => Promise.all(others.map(({ program }) => program.kill())));
    for (const [index, { program, ready }] of others.entries()) {
      const [name, token, code, advice] = strangers[index]!;
      await until(async () => (await ready()).includes(`refused (${code})`), `${name} is refused as ${code}`);
      await until(() => advice.test(program.output()), `the log advises who is refused as ${code}`);
      assert.doesNotMatch(program.output(), new RegExp(token));
    }
    system.actor().create({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'later', namespace: 'default' } });
    await system.settled();
    assert.deepEqual(await epochs(), before);
    const { agents } = await system.status();
    assert.deepEqual(
      agents.map(({ epoch, connected }) => ({ epoch, connected })),
      [{ epoch: before[0]?.epoch, connected: true }],
    );
  });

  test("after a restart of the collector, another cluster's agent with the same token: refused for good, nothing recorded", async (t) => {
    const before = await epochs();
    const elsewhere = await openPracticeCluster({ controllers: false });
    t.after(() => elsewhere.stop());
    await system.stopCollector();
    await system.startCollector();
    writeFileSync(join(system.folder, 'elsewhere'), elsewhere.kubeconfigFor('root@example.com', ['system:masters']), {
      mode: 0o600,
    });
    const { program, ready } = await otherAgent('elsewhere', agentToken, join(system.folder, 'elsewhere'));
    t.after(() => program.kill());
    await until(async () => (await ready()).includes('refused (cluster-mismatch)'), 'it is refused');
    await until(() => /stands for another Kubernetes cluster/.test(program.output()), 'its log says so');
    assert.match(
      system.logs('collector'),
      /"code":"cluster-mismatch".*take.* the name over, put .*under \\"clusters\\" in the tokens file/,
    );
    await system.settled();
    assert.deepEqual(await epochs(), before);
    const bindings = await system.timeline.ask<{ cause: string }>('SELECT cause FROM cluster_bindings');
    assert.deepEqual(bindings, [{ cause: 'first-seen' }]);
  });

  test('the API refuses the same way', async () => {
    for (const token of ['', 'nobody-knows-this-token', agentToken]) {
      const response = await fetch(`${system.apiUrl}/api/v1/log`, { headers: { authorization: `Bearer ${token}` } });
      assert.equal(response.status, 401);
      assert.equal(((await response.json()) as { error: { code: string } }).error.code, 'unauthenticated');
    }
  });

  test('the CLI says what to do, with an exit code of its own', async () => {
    const { code, err } = await system.cli('log', '--server', `http://127.0.0.1:${await freePort()}`);
    assert.equal(code, 3);
    assert.match(err, /^driftline: /);
    assert.equal((await system.cli('log', '--no-such-flag')).code, 2);
  });
});

test('a policy with an error: the collector does not start, and says file, line and reason', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'driftline-refusals-'));
  const policies = join(folder, 'policies', 'controls');
  mkdirSync(policies, { recursive: true });
  const control = (expression: string) => `apiVersion: driftline.dev/v1
kind: Control
id: TEST-001
title: Broken on purpose
severity: low
weight: 1
category: governance
rationale: Of this test.
remediation: { summary: None., fields: [data], impact: none }
references: ["https://example.com/"]
frameworks: {}
match:
  kinds: [{ group: "", kind: ConfigMap }]
cel:
  validations:
    - expression: ${expression}
      message: too large
      path: data
cases:
  - name: any
    expect: pass
    objects: [{ apiVersion: v1, kind: ConfigMap, metadata: { name: a, namespace: b } }]
  - name: other
    expect: fail
    objects: [{ apiVersion: v1, kind: ConfigMap, metadata: { name: a, namespace: b } }]
    violations: [data]
`;
  writeFileSync(
    join(folder, 'tokens.json'),
    JSON.stringify({ tokens: [{ token: agentToken, cluster: 'a', role: 'agent' }] }),
  );
  writeFileSync(join(policies, 'syntax.yaml'), control('object.data.size() >'));
  writeFileSync(join(policies, 'unknown.yaml'), control('noSuchFunction(object)'));
  writeFileSync(join(policies, 'broken.yaml'), 'id: [unclosed');
  const collector = startProgram('collector/src/main.ts', {
    'data-dir': join(folder, 'data'),
    'tokens-file': join(folder, 'tokens.json'),
    listen: '127.0.0.1:0',
    'api-listen': '127.0.0.1:0',
    'policy-dirs': join(folder, 'policies'),
  });
  assert.equal(await collector.ended, 1, collector.output());
  // One start tells all of them. What it wrote last can come after its end.
  for (const told of [
    /controls\/syntax\.yaml:16:\d+: .*\S/,
    /controls\/unknown\.yaml:16:\d+: .*noSuchFunction/,
    /controls\/broken\.yaml:1:\d+: .*\S/,
  ])
    await until(() => told.test(collector.output()), String(told));
  rmSync(folder, { recursive: true, maxRetries: 10 });
});
