/** docker-compose.yml against what the collector reads and needs, checked without an engine. */
import { parseConfig } from '@driftline/collector';
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { parse } from 'yaml';
import { selfSignedCertificate } from '../fakes/certificates.ts';

type Service = {
  readonly user: string;
  readonly read_only: boolean;
  readonly tmpfs: readonly string[];
  readonly volumes: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  readonly healthcheck: { readonly test: readonly string[] };
};

describe('docker-compose.yml', () => {
  const text = readFileSync(join(import.meta.dirname, '../../docker-compose.yml'), 'utf8');
  const { services } = parse(text, { merge: true }) as { services: Readonly<Record<string, Service>> };

  test('both halves read what is set, speak TLS only, and find their files where something is mounted', () => {
    for (const role of ['gateway', 'worker']) {
      const { environment, volumes, tmpfs, user, read_only: isReadOnly } = services[role]!;
      const config = parseConfig(environment);
      assert.deepEqual([config.role, config.store.mode, user, isReadOnly], [role, 'external', '65532:65532', true]);
      assert.deepEqual([config.allowPlaintext, config.apiAllowPlaintext], [false, false]);
      const mounted = volumes.map((volume) => volume.split(':').at(-2) ?? '');
      for (const path of [config.tokensFile, config.tls?.certFile, config.tls?.keyFile, config.apiTls?.certFile])
        assert.ok(
          mounted.some((folder) => path?.startsWith(`${folder}/`)),
          path,
        );
      assert.ok(tmpfs.some((mount) => mount.startsWith(`${config.dataDir}:uid=65532`)));
    }
  });

  test('the health check tells ready from not ready over TLS', async () => {
    const [command, program, ...args] = services['gateway']!.healthcheck.test;
    assert.deepEqual([command, program], ['CMD', 'node']);
    const lifetime = { notBeforeMs: Date.now() - 60_000, notAfterMs: Date.now() + 3_600_000 };
    const pair = selfSignedCertificate({ commonName: 'compose', names: ['elsewhere.example.com'], ...lifetime });
    let status = 200;
    const server = createServer(pair, (_request, response) => response.writeHead(status).end());
    await new Promise<void>((resolve) => server.listen(0, resolve));
    const { port } = server.address() as AddressInfo;
    const codeOf = (): Promise<number> =>
      new Promise((resolve) => {
        const here = args.map((arg) => arg.replace('port: 7480', `port: ${port}`));
        execFile(process.execPath, here, (error) => resolve(error === null ? 0 : Number(error.code)));
      });
    assert.equal(await codeOf(), 0);
    status = 503;
    assert.equal(await codeOf(), 1);
    await new Promise<void>((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
    assert.equal(await codeOf(), 1);
  });

  test('what is to be kept lies on a volume', () => {
    const kafka = services['kafka']!;
    assert.ok(kafka.volumes.some((volume) => volume.endsWith(`:${kafka.environment['KAFKA_LOG_DIRS'] ?? '?'}`)));
  });
});
