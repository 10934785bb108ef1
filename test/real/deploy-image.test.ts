/**
 * The images' trees, made as their Dockerfiles say with production dependencies from the lock file, and started: as the
 * image's user, with nothing writable but the volumes that the manifests mount, behind TLS as they configure it.
 */
import assert from 'node:assert/strict';
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { createAuthority } from '../fakes/certificates.ts';
import { freePorts, until } from '../fakes/embedded/process.ts';
import { type ImageTree, makeImageTree, makeReadOnly, makeVolume } from './deploy/image-tree.ts';

const base = mkdtempSync(join(tmpdir(), 'driftline-image-'));
chmodSync(base, 0o755);
const children: ChildProcess[] = [];
after(async () => {
  for (const child of children)
    if (child.exitCode === null && child.signalCode === null) {
      child.kill('SIGKILL');
      await once(child, 'exit');
    }
  execFileSync('chmod', ['-R', 'u+rwX', base]);
  rmSync(base, { recursive: true, force: true, maxRetries: 10 });
});

type Started = { readonly child: ChildProcess; readonly output: () => string };

/** The entry point, as an engine would start it with these arguments after it. */
const start = (
  tree: ImageTree,
  environment: Readonly<Record<string, string>>,
  args: readonly string[] = [],
): Started => {
  const [program, ...flags] = tree.entrypoint;
  const child = spawn(program, [...flags, ...args], {
    cwd: tree.folder,
    env: { ...tree.environment, ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
    ...tree.user,
  });
  children.push(child);
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
  return { child, output: () => output };
};

const file = (name: string, content: string): string => {
  writeFileSync(join(base, name), content);
  return join(base, name);
};

/** What the tree holds beside its packages must not change while it runs. */
const listOf = (tree: ImageTree): readonly string[] =>
  readdirSync(tree.folder, { recursive: true, encoding: 'utf8' })
    .filter((path) => !path.startsWith('node_modules'))
    .sort();

describe('the image of the collector', () => {
  let tree: ImageTree;
  before(() => {
    tree = makeImageTree('collector', join(base, 'collector'));
    makeReadOnly(tree.folder);
  });

  test('starts as its user on a read-only root, is ready over TLS, keeps its data over a restart, and stops', async () => {
    const authority = createAuthority('image test', Date.now());
    setDefaultCACertificates([...getCACertificates('default'), authority.cert]);
    const lifetime = { notBeforeMs: Date.now() - 60_000, notAfterMs: Date.now() + 3_600_000 };
    const pair = authority.issue({ commonName: 'collector', names: ['127.0.0.1'], ...lifetime });
    const token = 'reader-token-of-the-image';
    const [gateway, api] = await freePorts(2);
    const tmp = makeVolume(join(base, 'collector-tmp'), tree.user);
    const environment = {
      DRIFTLINE_ROLE: 'all',
      DRIFTLINE_DATA_DIR: makeVolume(join(base, 'collector-data'), tree.user),
      DRIFTLINE_LISTEN: `0.0.0.0:${gateway}`,
      DRIFTLINE_API_LISTEN: `0.0.0.0:${api}`,
      DRIFTLINE_TOKENS_FILE: file(
        'tokens.json',
        JSON.stringify({
          tokens: [
            { token, role: 'reader' },
            { token: 'agent-token-of-the-image', cluster: 'c', role: 'agent' },
          ],
        }),
      ),
      DRIFTLINE_TLS_CERT_FILE: file('tls.crt', pair.cert),
      DRIFTLINE_TLS_KEY_FILE: file('tls.key', pair.key),
      TMPDIR: tmp,
      HOME: '/nonexistent',
    };
    const before = listOf(tree);
    for (const life of [1, 2]) {
      const { child, output } = start(tree, environment);
      const ready = () =>
        fetch(`https://127.0.0.1:${api}/readyz`).then(
          (answer) => answer.ok,
          () => false,
        );
      await until(async () => {
        assert.equal(child.exitCode, null, output());
        return ready();
      }, `life ${life} is ready`);
      const status = await fetch(`https://127.0.0.1:${api}/api/v1/status`, {
        headers: { authorization: `Bearer ${token}` },
      });
      assert.equal(status.status, 200);
      if (process.getuid?.() === 0)
        assert.match(execFileSync('ps', ['-o', 'uid=', '-p', String(child.pid)], { encoding: 'utf8' }), /^\s*65532$/m);
      child.kill('SIGTERM');
      assert.deepEqual(await once(child, 'close'), [0, null], output());
      assert.doesNotMatch(output(), /EACCES|EROFS/);
    }
    assert.deepEqual(listOf(tree), before);
  });

  test('holds the CLI, says its flags, and no development package', () => {
    const run = (program: string, args: readonly string[]) =>
      execFileSync(program, args, {
        cwd: tree.folder,
        env: tree.environment,
        encoding: 'utf8',
        ...tree.user,
      });
    assert.match(run('driftline', ['help']), /^\s+log /m);
    assert.match(run('node', ['collector/src/main.ts', '--help']), /--api-listen/);
    for (const name of ['typescript', 'oxlint', '@biomejs/biome', 'fast-check', 'node'])
      assert.ok(!existsSync(join(tree.folder, 'node_modules', name)), name);
  });
});

describe('the image of the agent', () => {
  test('starts as its user on a read-only root and says what it misses; its compiled code is there to be read', async () => {
    const tree = makeImageTree('agent', join(base, 'agent'));
    makeReadOnly(tree.folder);
    assert.ok(readdirSync(join(tree.folder, '.compile-cache'), { recursive: true }).length > 10);
    assert.ok(!existsSync(join(tree.folder, 'node_modules', 'ffi-rs')), 'an optional package of the collector');
    const help = start(tree, {}, ['--help']);
    assert.deepEqual(await once(help.child, 'close'), [0, null], help.output());
    assert.match(help.output(), /--collector/);
    const state = makeVolume(join(base, 'agent-state'), tree.user);
    const [kube] = await freePorts(1);
    const kubeconfig = JSON.stringify({
      apiVersion: 'v1',
      kind: 'Config',
      'current-context': 'c',
      clusters: [{ name: 'c', cluster: { server: `http://127.0.0.1:${kube}` } }],
      users: [{ name: 'u', user: { token: 't' } }],
      contexts: [{ name: 'c', context: { cluster: 'c', user: 'u' } }],
    });
    const agent = start(tree, {
      DRIFTLINE_AGENT_CLUSTER: 'c',
      DRIFTLINE_AGENT_COLLECTOR: 'https://collector.example.com:7443',
      DRIFTLINE_AGENT_TOKEN_FILE: file('agent-token', 'agent-token-of-the-image'),
      DRIFTLINE_AGENT_REDACTION_KEY_FILE: file('redaction-key', 'k'.repeat(32)),
      DRIFTLINE_AGENT_STATE_DIR: state,
      DRIFTLINE_AGENT_KUBECONFIG: file('kubeconfig', kubeconfig),
      DRIFTLINE_AGENT_HEALTH_LISTEN: `127.0.0.1:${(await freePorts(1))[0] ?? 0}`,
      TMPDIR: makeVolume(join(base, 'agent-tmp'), tree.user),
    });
    await until(
      () => agent.child.exitCode !== null || /api-server-awaited/.test(agent.output()),
      'it asks the API server',
    );
    assert.match(agent.output(), /api-server-awaited/);
    assert.doesNotMatch(agent.output(), /EACCES|EROFS|ERR_MODULE_NOT_FOUND/);
  });
});
