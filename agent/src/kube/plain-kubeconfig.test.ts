import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import * as fc from 'fast-check';
import { load } from 'js-yaml';
import type { ResolvedKubeconfig } from './kubeconfig-access.ts';
import { libraryKubeconfig } from './library-kubeconfig.ts';
import { plainKubeconfig } from './plain-kubeconfig.ts';

const folder = mkdtempSync(join(tmpdir(), 'driftline-kubeconfig-'));
after(() => rmSync(folder, { recursive: true, force: true, maxRetries: 10 }));
const path = join(folder, 'config');
for (const file of ['token', 'ca.crt', 'client.crt', 'client.key']) writeFileSync(join(folder, file), `of ${file}`);

const base64 = fc.string().map((text) => Buffer.from(`-----${text}`).toString('base64'));
const file = (name: string) => fc.constantFrom(name, `./${name}`, join(folder, name));
const name = fc.constantFrom('a', 'b', 'it is c', '__proto__', 'constructor');
const text = fc.constantFrom('x', 'with: colon', '0123', 'ünï');
const user = fc.record(
  {
    token: text,
    tokenFile: file('token'),
    'client-certificate': file('client.crt'),
    'client-certificate-data': base64,
    'client-key': file('client.key'),
    'client-key-data': base64,
    as: text,
    'as-groups': fc.array(text),
  },
  { requiredKeys: [] },
);
const cluster = fc.record(
  {
    server: fc.constantFrom('https://a.example:6443', 'https://a.example/', 'http://127.0.0.1:1', 'https://b/k8s/c'),
    'certificate-authority': file('ca.crt'),
    'certificate-authority-data': base64,
    'insecure-skip-tls-verify': fc.boolean(),
    'tls-server-name': text,
    extensions: fc.constant([{ name: 'minikube', extension: { version: 'v1' } }]),
  },
  { requiredKeys: ['server'] },
);
const kubeconfig = fc.record(
  {
    'current-context': name,
    contexts: fc.array(fc.record({ name, context: fc.record({ cluster: name, user: name }) })),
    clusters: fc.array(fc.record({ name, cluster })),
    users: fc.array(fc.record({ name, user })),
  },
  { requiredKeys: [] },
);

/** As the agent gets it: through JSON, and what a file holds comes from the file. */
function seen(resolved: ResolvedKubeconfig): unknown {
  const { access, files, isDynamic } = structuredClone(resolved);
  const followed = Object.entries(files).filter(([, followedFile]) => followedFile !== undefined);
  const inline = Object.entries(access).filter(([key]) => !followed.some(([other]) => other === key));
  return JSON.parse(JSON.stringify({ access: Object.fromEntries(inline), files, isDynamic }));
}

const plainOf = (document: unknown, context = '') => {
  writeFileSync(path, JSON.stringify(document));
  return plainKubeconfig(load(JSON.stringify(document)), path, context);
};

test('a plain kubeconfig is what @kubernetes/client-node makes of it', async () => {
  let plain = 0;
  await fc.assert(
    fc.asyncProperty(kubeconfig, fc.constantFrom('', 'a', 'b', '__proto__'), async (document, context) => {
      const own = plainOf(document, context);
      if (own === undefined) return;
      plain += 1;
      assert.deepEqual(seen(own), seen(await libraryKubeconfig(path, context)));
    }),
    { numRuns: 500 },
  );
  assert.ok(plain > 5, `${plain} were plain`);
});

const entry = (over: { readonly user?: object; readonly cluster?: object; readonly context?: object }) => ({
  'current-context': 'here',
  contexts: [{ name: 'here', context: { cluster: 'c', user: 'u', ...over.context } }],
  clusters: [{ name: 'c', cluster: { server: 'https://a.example', ...over.cluster } }],
  users: [{ name: 'u', user: { token: 'x', ...over.user } }],
});

test('what is not plain is left to @kubernetes/client-node', () => {
  assert.ok(plainOf(entry({})));
  const others = [
    entry({ user: { exec: { command: 'x' } } }),
    entry({ user: { 'auth-provider': { name: 'oidc' } } }),
    entry({ user: { username: 'x', password: 'y' } }),
    entry({ user: { token: 5 } }),
    entry({ user: { 'token-file': 'x' } }),
    entry({ cluster: { 'proxy-url': 'http://proxy.example' } }),
    entry({ cluster: { server: '' } }),
    entry({ context: { user: 'nobody' } }),
    entry({ context: { cluster: null } }),
    { ...entry({}), users: [...entry({}).users, { user: {} }] },
    { ...entry({}), 'current-context': 'nowhere' },
    'text',
    null,
  ];
  for (const document of others) assert.equal(plainOf(document), undefined, JSON.stringify(document));
});
