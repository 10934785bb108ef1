/** TLS and mutual TLS of the uplink and TLS of the API: who is believed, how clearly a refusal says why, and rotation. */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { connect } from 'node:tls';
import { createMetrics, createTokenBook, defaultIngestLimits, openGateway, openMemoryBus } from '@driftline/collector';
import type { Gateway } from '@driftline/collector';
import { pino } from 'pino';
import { systemClock } from '../../agent/src/clock.ts';
import { defaultSpoolLimits, noSpoolMetrics, openSpool } from '../../agent/src/spool/index.ts';
import { noUplinkMetrics, openUplink } from '../../agent/src/uplink/index.ts';
import type { Uplink } from '../../agent/src/uplink/index.ts';
import { openTestApi, readerToken } from '../../collector/src/api/testing/open-test-api.ts';
import { memoryBindings } from '../../collector/src/ingest/testing/memory-bindings.ts';
import { openTlsFiles } from '../../collector/src/tls/tls-files.ts';
import { type Authority, type CertificatePair, createAuthority } from '../fakes/certificates.ts';
import { until } from '../fakes/embedded/process.ts';
import { openRecordingProxy } from '../fakes/embedded/recording-proxy.ts';
import { runBinary } from '../flow/cli/open-cli-world.ts';

const silent = pino({ level: 'silent' });
const folder = mkdtempSync(join(tmpdir(), 'driftline-tls-'));
const closers: (() => Promise<void> | void)[] = [];
after(async () => {
  for (const close of closers.toReversed()) await close();
  rmSync(folder, { recursive: true, force: true, maxRetries: 10 });
});

const hourMs = 3_600_000;
const authority = createAuthority('the authority', Date.now());
const other = createAuthority('another authority', Date.now());
const token = 'the-token-of-the-east';

const issue = (from: Authority, names: readonly string[], lifeMs = hourMs): CertificatePair =>
  from.issue({ commonName: 'test', names, notBeforeMs: Date.now() - 2 * hourMs, notAfterMs: Date.now() + lifeMs });
const serverNames = ['127.0.0.1', 'localhost'];
const identity = (cluster: string): readonly string[] => [`driftline://default/${cluster}`];

let made = 0;
/** A folder with `tls.crt`, `tls.key` and `ca.crt`, as they would be mounted; called again, it rotates them. */
const mount = (pair: CertificatePair, ca: string, into = join(folder, `mount-${++made}`)) => {
  mkdirSync(into, { recursive: true });
  const files = { cert: join(into, 'tls.crt'), key: join(into, 'tls.key'), ca: join(into, 'ca.crt') };
  writeFileSync(files.cert, pair.cert);
  writeFileSync(files.key, pair.key);
  writeFileSync(files.ca, ca);
  return { into, ...files };
};
type Mounted = ReturnType<typeof mount>;

const openSource = async (part: string, files: Mounted, asksClients: boolean) => {
  const tlsFiles = {
    certFile: files.cert,
    keyFile: files.key,
    ...(asksClients ? { clientCaFile: files.ca } : {}),
  };
  const { registry } = createMetrics();
  const source = await openTlsFiles({
    part,
    files: tlsFiles,
    logger: silent,
    registry,
    now: Date.now,
    reloadIntervalMs: 50,
  });
  closers.push(() => source.close());
  return source;
};

const openTestGateway = async (files: Mounted, { asksClients }: { asksClients: boolean }): Promise<Gateway> => {
  const bus = openMemoryBus();
  const gateway = await openGateway({
    listen: { host: '127.0.0.1', port: 0, allowPlaintext: false, tls: await openSource('gateway', files, asksClients) },
    tokens: createTokenBook([{ token, cluster: 'east', role: 'agent' }]),
    bus: bus.writer,
    watermark: async () => 0,
    bindings: memoryBindings(),
    limits: defaultIngestLimits,
    metrics: createMetrics(),
    logger: silent,
    now: Date.now,
  });
  closers.push(() => gateway.close());
  return gateway;
};

/** What the collector asks for is of no interest here. */
const deaf = {
  onNeedFull: async () => {},
  onVerdict: () => {},
  onSurprise: () => {},
  onEpochLost: () => {},
};

type AgentCredentials = { readonly mounted: Mounted; readonly hasToken: boolean; readonly hasCertificate: boolean };

const openAgentEnd = async (port: number, { mounted, hasToken, hasCertificate }: AgentCredentials): Promise<Uplink> => {
  const own = join(folder, `agent-${++made}`);
  mkdirSync(own);
  writeFileSync(join(own, 'token'), token);
  const spool = await openSpool({
    directory: join(own, 'spool'),
    limits: defaultSpoolLimits,
    clock: systemClock,
    logger: silent,
    metrics: noSpoolMetrics,
  });
  const uplink = openUplink({
    connect: {
      collectorUrl: `https://127.0.0.1:${port}`,
      caFile: mounted.ca,
      allowInsecureTransport: false,
      ...(hasToken ? { tokenFile: join(own, 'token') } : {}),
      ...(hasCertificate ? { certificateFile: mounted.cert, keyFile: mounted.key } : {}),
    },
    spool,
    hello: {
      protocol: 1,
      cluster: 'as it calls itself',
      clusterUid: 'uid',
      instance: own,
      agentVersion: '0',
      kubernetesVersion: 'v1',
      redactionKeyId: 'k',
    },
    limits: { reconnectBaseMs: 20, reconnectMaxMs: 100, welcomeTimeoutMs: 60_000 },
    clock: systemClock,
    logger: silent,
    metrics: noUplinkMetrics,
    ...deaf,
  });
  closers.push(async () => {
    await uplink.close();
    await spool.close();
  });
  return uplink;
};

/** Fingerprint of the certificate that is shown to a new connection. */
const certificateAt = (url: string): Promise<string> =>
  new Promise((resolve, reject) => {
    const { hostname: host, port } = new URL(url);
    const socket = connect({ host, port: Number(port), rejectUnauthorized: false }, () => {
      resolve(socket.getPeerCertificate().fingerprint256);
      socket.destroy();
    });
    socket.once('error', reject);
  });

const isConnected = (uplink: Uplink) => () => uplink.state().type === 'connected';
/** Why it is not connected, once it knows. */
const reasonOf = async (uplink: Uplink): Promise<string> => {
  let reason = '';
  await until(() => {
    const state = uplink.state();
    assert.notEqual(state.type, 'connected');
    reason =
      state.type === 'refused' ? `${state.code}: ${state.message}` : state.type === 'connecting' ? state.reason : '';
    return reason !== 'not connected yet';
  }, 'a reason');
  return reason;
};

describe('the uplink over TLS', { concurrency: true }, () => {
  const bearer = { hasToken: true, hasCertificate: false };
  const certificate = { hasToken: false, hasCertificate: true };

  test("an agent believes a collector of its authority, and says why it does not believe another's or an expired one", async () => {
    const good = await openTestGateway(mount(issue(authority, serverNames), ''), { asksClients: false });
    const trusting = mount(issue(authority, identity('east')), authority.cert);
    await until(isConnected(await openAgentEnd(good.port, { mounted: trusting, ...bearer })), 'the agent to be let in');
    const strange = mount(issue(other, identity('east')), other.cert);
    assert.match(
      await reasonOf(await openAgentEnd(good.port, { mounted: strange, ...bearer })),
      /is not from an authority this agent trusts \([A-Z_]+\): give the right one with --collector-ca-file/,
    );
    const expired = await openTestGateway(mount(issue(authority, serverNames, -hourMs), ''), { asksClients: false });
    assert.match(
      await reasonOf(await openAgentEnd(expired.port, { mounted: trusting, ...bearer })),
      /has expired \(CERT_HAS_EXPIRED\): renew it at the collector/,
    );
    const elsewhere = await openTestGateway(mount(issue(authority, ['elsewhere.example.com']), ''), {
      asksClients: false,
    });
    assert.match(
      await reasonOf(await openAgentEnd(elsewhere.port, { mounted: trusting, ...bearer })),
      /is for another name .*--collector-server-name/,
    );
    assert.equal(good.liveSessions().length, 1);
    assert.deepEqual([...expired.liveSessions(), ...elsewhere.liveSessions()], []);
  });

  test("the name in a client's certificate is its cluster; without one, or from another authority, nobody is let in", async () => {
    const gateway = await openTestGateway(mount(issue(authority, serverNames), authority.cert), { asksClients: true });
    const west = mount(issue(authority, identity('west')), authority.cert);
    await until(isConnected(await openAgentEnd(gateway.port, { mounted: west, ...certificate })), 'west to be let in');
    assert.deepEqual(
      gateway.liveSessions().map(({ stream }) => stream.cluster),
      ['west'],
    );
    const nameless = mount(issue(authority, ['agent.example.com']), authority.cert);
    assert.match(
      await reasonOf(await openAgentEnd(gateway.port, { mounted: nameless, ...certificate })),
      /^unauthenticated: no credential/,
    );
    const forged = mount(issue(other, identity('west')), authority.cert);
    const expired = mount(issue(authority, identity('west'), -hourMs), authority.cert);
    for (const mounted of [forged, expired]) {
      const uplink = await openAgentEnd(gateway.port, { mounted, ...certificate });
      assert.match(await reasonOf(uplink), /may not take this agent's certificate \(expired, or of an authority/);
    }
    const without = await openAgentEnd(gateway.port, { mounted: west, ...bearer });
    assert.match(await reasonOf(without), /wants a client certificate .*--collector-cert-file/);
    assert.deepEqual(
      gateway.liveSessions().map(({ stream }) => stream.cluster),
      ['west'],
    );
  });

  test('new certificates and authorities are taken on both sides while both run', async () => {
    const server = mount(issue(authority, serverNames), authority.cert);
    const gateway = await openTestGateway(server, { asksClients: true });
    const proxy = await openRecordingProxy(gateway.port);
    closers.push(() => proxy.close());
    const client = mount(issue(authority, identity('east')), authority.cert);
    const uplink = await openAgentEnd(proxy.port, { mounted: client, ...certificate });
    await until(isConnected(uplink), 'the agent to be let in');
    mount(issue(other, serverNames), other.cert, server.into);
    const late = mount(issue(authority, identity('east')), other.cert);
    await until(async () => {
      const reason = await reasonOf(await openAgentEnd(gateway.port, { mounted: late, ...certificate }));
      return !/authority this agent trusts/.test(reason);
    }, 'the gateway to show its new certificate, and to believe its new authority only');
    assert.equal(gateway.liveSessions().length, 1, 'the open stream goes on');
    mount(issue(other, identity('east')), other.cert, client.into);
    const [first] = gateway.liveSessions();
    proxy.cut();
    await until(() => {
      const [now] = gateway.liveSessions();
      return now !== undefined && now.connectedAtMs !== first?.connectedAtMs && isConnected(uplink)();
    }, 'the agent to come back with its new certificate');
  });
});

describe('the API over TLS', () => {
  test('the CLI asks over HTTPS with the authority it is given; a rotated certificate is shown without a restart', async () => {
    const server = mount(issue(authority, serverNames), '');
    const source = await openSource('api', server, false);
    const api = await openTestApi({ server: { host: '0.0.0.0', tls: source } });
    closers.push(() => api.close());
    const url = api.url.replace('0.0.0.0', '127.0.0.1');
    assert.match(url, /^https:/);
    const [ca, otherCa, tokenFile] = ['ca', 'other-ca', 'reader-token'].map((name) => join(folder, name)) as [
      string,
      string,
      string,
    ];
    writeFileSync(ca, authority.cert);
    writeFileSync(otherCa, other.cert);
    writeFileSync(tokenFile, `${readerToken}\n`);
    const ask = (caFile: string) => runBinary(['log', '--server', url, '--ca', caFile, '--token-file', tokenFile]);
    assert.equal((await ask(ca)).status, 0);
    const refused = await ask(otherCa);
    assert.equal(refused.status, 3);
    assert.match(refused.err, /unable to verify|local issuer/);
    const environment = { DRIFTLINE_URL: url, DRIFTLINE_CA_FILE: ca, DRIFTLINE_TOKEN_FILE: tokenFile };
    assert.equal((await runBinary(['log'], environment)).status, 0);
    assert.equal((await runBinary(['log', '--server', url, '--ca', tokenFile])).status, 2);
    // Half of a pair first: it goes on with the old one.
    const shown = await certificateAt(url);
    writeFileSync(server.key, issue(other, serverNames).key);
    await new Promise((resolve) => setTimeout(resolve, 150));
    assert.equal(await certificateAt(url), shown);
    mount(issue(other, serverNames), '', server.into);
    await until(async () => (await certificateAt(url)) !== shown, 'the new certificate');
    assert.equal((await ask(otherCa)).status, 0);
    const plain = await fetch(url.replace('https', 'http')).then(
      () => 'an answer',
      () => 'none',
    );
    assert.equal(plain, 'none');
  });

  test('beyond loopback metrics ask for a token that is for nothing else', async () => {
    const source = await openSource('api', mount(issue(authority, serverNames), ''), false);
    const monitor = 'monitor-token-of-the-test';
    const tokens = [
      { token: readerToken, role: 'reader' as const },
      { token: monitor, role: 'monitor' as const },
    ];
    const api = await openTestApi({ tokens, server: { host: '0.0.0.0', tls: source } });
    closers.push(() => api.close());
    const url = api.url.replace('0.0.0.0', '127.0.0.1');
    const { setDefaultCACertificates, getCACertificates } = await import('node:tls');
    setDefaultCACertificates([...getCACertificates('default'), authority.cert]);
    const statusOf = async (path: string, bearer?: string): Promise<number> => {
      const headers = bearer === undefined ? {} : { authorization: `Bearer ${bearer}` };
      return (await fetch(`${url}/${path}`, { headers })).status;
    };
    assert.deepEqual([await statusOf('metrics'), await statusOf('metrics', readerToken)], [401, 401]);
    assert.deepEqual([await statusOf('metrics', monitor), await statusOf('api/v1/log', monitor)], [200, 401]);
    assert.deepEqual(
      [await statusOf('healthz'), await statusOf('readyz'), await statusOf('openapi.json')],
      [200, 200, 200],
    );
  });
});
