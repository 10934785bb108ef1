/**
 * The webhook's certificate, key and client authority, read again at intervals: what is new and fits together is used
 * for new connections, what does not is told once and the old ones stay. A mounted Secret is renewed under its pod, and
 * an API server that meets an expired certificate drops its events.
 */
import { readFile } from 'node:fs/promises';
import type { Server as HttpServer } from 'node:http';
import { Server as HttpsServer } from 'node:https';
import { createSecureContext } from 'node:tls';
import type { Logger } from 'pino';
import { logEvents } from '../log-events.ts';

export type WebhookTlsFiles = {
  readonly certificateFile: string;
  readonly keyFile: string;
  /** Clients must show a certificate of this authority. */
  readonly clientCaFile?: string;
};

type Certificates = { readonly cert: Buffer; readonly key: Buffer; readonly ca?: Buffer };

/** Between two looks at the files. */
const certificateReloadIntervalMs = 10_000;

async function readCertificates({ certificateFile, keyFile, clientCaFile }: WebhookTlsFiles): Promise<Certificates> {
  const [cert, key] = await Promise.all([readFile(certificateFile), readFile(keyFile)]);
  return { cert, key, ...(clientCaFile === undefined ? {} : { ca: await readFile(clientCaFile) }) };
}

/** Nothing to do for a server without TLS. */
export function rotateCertificates(
  server: HttpServer | HttpsServer,
  files: WebhookTlsFiles | undefined,
  { logger, intervalMs = certificateReloadIntervalMs }: { readonly logger: Logger; readonly intervalMs?: number },
): { stop(): void } {
  if (files === undefined || !(server instanceof HttpsServer)) return { stop: () => undefined };
  let used: string | undefined;
  let complaint = '';
  const look = async (): Promise<void> => {
    try {
      const certificates = await readCertificates(files);
      const read = Object.values(certificates).map(String).join('\n');
      if (read === used) return;
      const context = { ...certificates, minVersion: 'TLSv1.2' as const };
      // Throws where certificate and key do not fit together; the server would go on with half of them.
      createSecureContext(context);
      server.setSecureContext(context);
      complaint = '';
      if (used !== undefined) logger.info({ event: logEvents.auditWebhookCertificateReplaced });
      used = read;
    } catch (error) {
      const reason = error instanceof Error ? error.message : 'unknown error';
      if (reason !== complaint) logger.error({ event: logEvents.auditWebhookCertificateUnusable, reason });
      complaint = reason;
    }
  };
  void look();
  const timer = setInterval(() => void look(), intervalMs);
  timer.unref();
  return { stop: () => clearInterval(timer) };
}
