import { selfSignedCertificate } from '../../certificates.ts';
import type { TlsFiles } from './http-server.ts';

const dayMs = 24 * 3_600_000;

/** A certificate for the hosts that is its own authority, and its key, both as PEM. For loopback and tests only. */
export const selfSigned = (hosts: readonly string[], nowMs: number): TlsFiles =>
  selfSignedCertificate({
    commonName: 'practice cluster',
    names: hosts,
    notBeforeMs: nowMs - dayMs,
    notAfterMs: nowMs + 3_650 * dayMs,
  });
