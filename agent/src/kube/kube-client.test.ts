import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import http, { type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fixedAccess, inClusterAccess } from './kube-access.ts';
import { type KubeClient, type KubeLimits, openKubeClient } from './kube-client.ts';
import { errorFromResponse, KubeError } from './kube-error.ts';
import { kubeconfigAccess } from './kubeconfig-access.ts';

const folder = mkdtempSync(join(tmpdir(), 'driftline-kube-'));
const servers: http.Server[] = [];
after(() => {
  for (const server of servers) server.close().closeAllConnections();
  rmSync(folder, { recursive: true, force: true, maxRetries: 10 });
});

async function serve(answer: (request: IncomingMessage, response: ServerResponse) => void): Promise<string> {
  const server = http.createServer(answer);
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

function client(server: string, limits: Parameters<typeof openKubeClient>[0]['limits'] = {}): KubeClient {
  return openKubeClient({ access: fixedAccess({ server }), userAgent: 'test', limits });
}

const { signal } = new AbortController();

async function failure(promise: Promise<unknown>): Promise<KubeError> {
  const error = await promise.then(
    () => assert.fail('no error'),
    (thrown: unknown) => thrown,
  );
  assert.ok(error instanceof KubeError, String(error));
  return error;
}

test('every status becomes a code, with the reason and the wait the server gives', async () => {
  const server = await serve((request, response) => {
    const status = Number(request.url?.slice(1));
    response.writeHead(status, status === 429 ? { 'retry-after': '7' } : {});
    response.end(
      JSON.stringify({ kind: 'Status', reason: 'Because', message: 'no', details: { retryAfterSeconds: 3 } }),
    );
  });
  const kube = client(server);
  const found: unknown[] = [];
  for (const status of [400, 401, 403, 404, 410, 429, 500, 503]) {
    const error = await failure(kube.getJson(`/${status}`, { signal }));
    found.push([error.status, error.code, error.retryable, error.retryAfterMs]);
    assert.equal(error.reason, 'Because');
  }
  assert.deepEqual(found, [
    [400, 'invalid', false, 3000],
    [401, 'unauthorized', false, 3000],
    [403, 'forbidden', false, 3000],
    [404, 'not-found', false, 3000],
    [410, 'expired', false, 3000],
    [429, 'throttled', true, 7000],
    [500, 'unavailable', true, 3000],
    [503, 'unavailable', true, 3000],
  ]);
  kube.close();
});

test('answers that are not what they should be are KubeErrors, not crashes', async () => {
  const server = await serve((request, response) => {
    if (request.url === '/silent') return;
    if (request.url === '/cut') return void response.writeHead(200).write('{"a":', () => response.destroy());
    if (request.url === '/stalls') return void response.writeHead(200).write('{"a":');
    response.end(request.url === '/large' ? 'x'.repeat(5000) : '{"a":');
  });
  const cases: readonly (readonly [path: string, limits: Partial<KubeLimits>, code: string])[] = [
    ['/silent', { headersTimeoutMs: 80 }, 'timeout'],
    ['/cut', {}, 'network'],
    ['/stalls', { bodyIdleTimeoutMs: 80 }, 'timeout'],
    ['/large', { maxDocumentBytes: 1000 }, 'too-large'],
    ['/half', {}, 'malformed'],
  ];
  for (const [path, limits, code] of cases) {
    const kube = client(server, limits);
    assert.equal((await failure(kube.getJson(path, { signal }))).code, code, path);
    kube.close();
  }
  assert.equal((await failure(client('http://127.0.0.1:1').getJson('/', { signal }))).code, 'network');
});

test('an abort ends a request and a stream', async () => {
  const server = await serve(
    (request, response) => void (request.url === '/open' && response.writeHead(200).write('x')),
  );
  const kube = client(server);
  const stop = new AbortController();
  const waiting = failure(kube.getJson('/never', { signal: stop.signal }));
  const stream = await kube.stream('/open', { signal: stop.signal });
  const reading = failure(
    (async () => {
      for await (const _chunk of stream.chunks);
    })(),
  );
  setTimeout(() => stop.abort(), 20);
  assert.equal((await waiting).code, 'aborted');
  assert.equal((await reading).code, 'aborted');
  kube.close();
});

test('a rotated token is read again: at once when it is refused, else when it is due', async () => {
  const tokenFile = join(folder, 'token');
  const caFile = join(folder, 'ca.crt');
  writeFileSync(tokenFile, 'one\n');
  writeFileSync(caFile, '');
  let accepted = 'one';
  const server = await serve((request, response) => {
    response.statusCode = request.headers.authorization === `Bearer ${accepted}` ? 200 : 401;
    response.end('{}');
  });
  const source = inClusterAccess({ KUBERNETES_SERVICE_HOST: 'ignored' }, folder);
  const access = { read: async () => ({ ...(await source.read('scheduled')), server }) };
  const kube = openKubeClient({ access, userAgent: 'test', limits: { credentialRefreshMs: 60_000 } });
  await kube.getJson('/', { signal });
  accepted = 'two';
  assert.equal((await failure(kube.getJson('/', { signal }))).code, 'unauthorized');
  writeFileSync(tokenFile, 'two');
  await kube.getJson('/', { signal });
  kube.close();
});

test('a kept-alive connection that the server has closed is not an error', async () => {
  const sockets = new Set<NodeJS.WritableStream & { destroy(): void }>();
  const server = await serve((request, response) => {
    sockets.add(request.socket);
    response.end('{}');
  });
  const kube = client(server);
  for (let i = 0; i < 5; i++) {
    await kube.getJson('/', { signal });
    for (const socket of sockets) socket.destroy();
    sockets.clear();
  }
  kube.close();
});

test('a slow reader holds the server back', async () => {
  let written = 0;
  const server = await serve((_request, response) => {
    const chunk = Buffer.alloc(64 * 1024, 'x');
    const write = (): void => {
      while (written < 64 * 1024 * 1024) {
        written += chunk.length;
        if (!response.write(chunk)) return void response.once('drain', write);
      }
      response.end();
    };
    write();
  });
  const kube = client(server);
  const stream = await kube.stream('/', { signal });
  for await (const _chunk of stream.chunks) {
    await new Promise((resolve) => setTimeout(resolve, 200));
    break;
  }
  assert.ok(written < 32 * 1024 * 1024, `the server wrote ${written} bytes to a reader that took one chunk`);
  kube.close();
});

function kubeconfig(user: object, server = 'http://127.0.0.1:1'): string {
  const path = join(folder, `config-${Math.random()}`);
  const content = {
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'here',
    contexts: [
      { name: 'here', context: { cluster: 'c', user: 'u' } },
      { name: 'there', context: { cluster: 'd', user: 'u' } },
    ],
    clusters: [
      { name: 'c', cluster: { server } },
      {
        name: 'd',
        cluster: { server: 'https://there.example', 'insecure-skip-tls-verify': true, 'tls-server-name': 'sni' },
      },
    ],
    users: [{ name: 'u', user }],
  };
  writeFileSync(path, JSON.stringify(content));
  return path;
}

test('a kubeconfig gives server, token, groups and context', async () => {
  const path = kubeconfig({ token: 'static', as: 'jo', 'as-groups': ['a', 'b'] });
  const here = await kubeconfigAccess(path).read('scheduled');
  assert.equal(here.server, 'http://127.0.0.1:1');
  assert.equal(here.headers['authorization'], 'Bearer static');
  assert.deepEqual(here.headers['impersonate-group'], ['a', 'b']);
  const there = await kubeconfigAccess(path, 'there').read('scheduled');
  assert.deepEqual([there.server, there.verifiesServer, there.serverName], ['https://there.example', false, 'sni']);
  const nowhere = await failure(kubeconfigAccess(path, 'nowhere').read('scheduled'));
  assert.equal(nowhere.code, 'credentials');
  assert.match(nowhere.message, /it has no context 'nowhere'; there are: here, there/);
  const open = JSON.parse(readFileSync(path, 'utf8')) as Record<string, unknown>;
  delete open['current-context'];
  writeFileSync(path, JSON.stringify(open));
  const none = await failure(kubeconfigAccess(path).read('scheduled'));
  assert.match(none.message, /it has no current context, and none was named; there are: here, there/);
  assert.equal((await failure(kubeconfigAccess(join(folder, 'none')).read('scheduled'))).code, 'credentials');
});

test('a server that asks for a pause of centuries is not asked again at once', () => {
  const body = JSON.stringify({ code: 429, details: { retryAfterSeconds: 1e10 } });
  const { retryAfterMs = 0 } = errorFromResponse(429, {}, body, 'GET /');
  const longestTimerMs = 2 ** 31 - 1;
  assert.ok(retryAfterMs > 0 && retryAfterMs * 1.25 <= longestTimerMs, `${retryAfterMs} ms is no pause at all`);
});

test('a kubeconfig that is not YAML says where, without quoting the token on the line above', async () => {
  const path = join(folder, 'torn');
  writeFileSync(path, 'users:\n- name: u\n  user:\n    token: hunter2-short-token\n   bad: [x\ncontexts: []\n');
  const { code, message } = await failure(kubeconfigAccess(path).read('scheduled'));
  assert.equal(code, 'credentials');
  assert.match(message, /not valid YAML \(line \d+, column \d+\)/);
  assert.ok(!message.includes('hunter2'), message);
});

test('a token file and an exec plugin of a kubeconfig are followed; a plugin that fails betrays no token', async () => {
  const tokenFile = join(folder, 'rotating');
  writeFileSync(tokenFile, 'first');
  const byFile = kubeconfigAccess(kubeconfig({ tokenFile }));
  assert.equal((await byFile.read('scheduled')).headers['authorization'], 'Bearer first');
  writeFileSync(tokenFile, 'second');
  assert.equal((await byFile.read('scheduled')).headers['authorization'], 'Bearer second');

  const plugin = (script: string): object => ({
    exec: {
      apiVersion: 'client.authentication.k8s.io/v1',
      command: process.execPath,
      args: ['-e', script],
      interactiveMode: 'Never',
    },
  });
  const credential = `console.log(JSON.stringify({ kind: 'ExecCredential', status: { token: 'from-plugin' } }))`;
  const byPlugin = kubeconfigAccess(kubeconfig(plugin(credential)));
  assert.equal((await byPlugin.read('rejected')).headers['authorization'], 'Bearer from-plugin');
  const secret = 'eyJhbGciOiJSUzI1NiJ9.0123456789abcdef0123456789abcdef';
  const broken = kubeconfigAccess(kubeconfig(plugin(`console.error('expired ${secret}'); process.exit(1)`)));
  const error = await failure(broken.read('scheduled'));
  assert.match(error.message, /expired …/);
  assert.ok(!error.message.includes('0123456789abcdef'));
});
