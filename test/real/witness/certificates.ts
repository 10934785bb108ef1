/** Serving certificates of the API server, made anew. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export type ServingCertificate = { readonly cert: Buffer; readonly key: Buffer };

/** For 127.0.0.1; by the cluster's authority, or by none that anybody knows. */
export function makeCertificate(pki: string, authority: 'cluster' | 'nobody'): ServingCertificate {
  const folder = mkdtempSync(join(tmpdir(), 'driftline-certificate-'));
  const at = (name: string): string => join(folder, name);
  const openssl = (...args: readonly string[]): void => void execFileSync('openssl', args, { stdio: 'ignore' });
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-sha256'];
  const subject = ['-subj', '/CN=kube-apiserver', '-keyout', at('key')];
  try {
    if (authority === 'nobody') {
      openssl('req', '-x509', ...newKey, ...subject, '-days', '1', '-out', at('crt'));
    } else {
      writeFileSync(at('extensions'), 'extendedKeyUsage=serverAuth\nsubjectAltName=IP:127.0.0.1,DNS:localhost\n');
      openssl('req', '-new', ...newKey, ...subject, '-out', at('csr'));
      const signer = [
        '-CA',
        join(pki, 'ca.crt'),
        '-CAkey',
        join(pki, 'ca.key'),
        '-CAserial',
        at('serial'),
        '-CAcreateserial',
      ];
      const request = [
        '-req',
        '-in',
        at('csr'),
        '-days',
        '1',
        '-sha256',
        '-extfile',
        at('extensions'),
        '-out',
        at('crt'),
      ];
      openssl('x509', ...request, ...signer);
    }
    return { cert: readFileSync(at('crt')), key: readFileSync(at('key')) };
  } finally {
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  }
}
