/**
 * Certificates that are rotated under a running listener. The files are read at intervals (a mounted Secret changes by
 * swapped links, which no watch tells reliably); what is new and fits together is handed on, what does not is logged and
 * the listener goes on with what it has.
 */
import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createSecureContext } from 'node:tls';
import type { Logger } from 'pino';
import { Gauge } from 'prom-client';
import type { Registry } from 'prom-client';
import { tlsLog } from './log-events.ts';

export type TlsFiles = {
  readonly certFile: string;
  readonly keyFile: string;
  /** Clients must show a certificate of this authority. */
  readonly clientCaFile?: string | undefined;
};

/** PEM. */
export type TlsMaterial = { readonly cert: Buffer; readonly key: Buffer; readonly clientCa: Buffer | undefined };

export type TlsSource = {
  current(): TlsMaterial;
  onChange(listener: (material: TlsMaterial) => void): void;
  close(): Promise<void>;
};

export type TlsFilesOptions = {
  /** Who listens with them: 'gateway' or 'api'. */
  readonly part: string;
  readonly files: TlsFiles;
  readonly logger: Logger;
  readonly registry: Registry;
  /** Milliseconds since the Unix epoch. */
  readonly now: () => number;
  readonly reloadIntervalMs?: number;
};

/** Between two looks at the files. */
const tlsReloadIntervalMs = 10_000;
/** Left of a certificate's life when the log begins to say so at every reload. */
const expiryWarningMs = 7 * 24 * 3_600_000;

export class TlsFilesError extends Error {
  readonly code = 'tls-unusable';
  readonly retryable = false;
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'TlsFilesError';
  }
}

/** Throws TlsFilesError that names the file, never its content. */
export async function openTlsFiles(options: TlsFilesOptions): Promise<TlsSource> {
  const watched = new WatchedTlsFiles(options, await readMaterial(options));
  const timer = setInterval(() => void watched.reload(), options.reloadIntervalMs ?? tlsReloadIntervalMs);
  timer.unref();
  return {
    current: () => watched.current,
    onChange: (listener) => watched.listeners.push(listener),
    async close() {
      clearInterval(timer);
      watched.listeners.length = 0;
    },
  };
}

class WatchedTlsFiles {
  readonly #options: TlsFilesOptions;
  readonly #notAfter: Gauge<'part'>;
  readonly listeners: ((material: TlsMaterial) => void)[] = [];
  current: TlsMaterial;
  /** The last complaint, so that each is logged once. */
  #complaint = '';

  constructor(options: TlsFilesOptions, material: TlsMaterial) {
    this.#options = options;
    this.current = material;
    this.#notAfter = gaugeOf(options.registry);
    this.#told(material);
  }

  /** Never rejects. */
  async reload(): Promise<void> {
    const { part, logger } = this.#options;
    try {
      const material = await readMaterial(this.#options);
      this.#complaint = '';
      if (isSame(material, this.current)) return;
      this.current = material;
      for (const listener of this.listeners) listener(material);
      this.#told(material);
      logger.info({ event: tlsLog.reloaded, part, notAfter: notAfterOf(material).toISOString() });
    } catch (error) {
      const reason = error instanceof Error ? error.message : 'unknown error';
      if (reason !== this.#complaint) logger.error({ event: tlsLog.reloadFailed, part, reason });
      this.#complaint = reason;
    }
  }

  #told(material: TlsMaterial): void {
    const { part, logger, now } = this.#options;
    const notAfter = notAfterOf(material);
    this.#notAfter.set({ part }, notAfter.getTime() / 1_000);
    if (notAfter.getTime() - now() > expiryWarningMs) return;
    const event = notAfter.getTime() < now() ? tlsLog.expired : tlsLog.expiresSoon;
    logger.warn({ event, part, notAfter: notAfter.toISOString(), file: this.#options.files.certFile });
  }
}

const gaugeName = 'driftline_tls_certificate_not_after_seconds';
const gaugeOf = (registry: Registry): Gauge<'part'> => {
  const known = registry.getSingleMetric(gaugeName);
  if (known instanceof Gauge) return known;
  const help = 'When the certificate of a listener expires, seconds since the Unix epoch';
  return new Gauge({ name: gaugeName, help, labelNames: ['part'], registers: [registry] });
};

const notAfterOf = ({ cert }: TlsMaterial): Date => new Date(new X509Certificate(cert).validTo);

const isSame = (one: TlsMaterial, other: TlsMaterial): boolean =>
  one.cert.equals(other.cert) &&
  one.key.equals(other.key) &&
  (one.clientCa ?? Buffer.alloc(0)).equals(other.clientCa ?? Buffer.alloc(0));

async function readMaterial({ part, files }: TlsFilesOptions): Promise<TlsMaterial> {
  const read = async (path: string): Promise<Buffer> => {
    try {
      return await readFile(path);
    } catch (cause) {
      const { code } = cause as NodeJS.ErrnoException;
      throw new TlsFilesError(`${part}: the TLS file ${path} cannot be read (${code ?? 'unknown error'})`, { cause });
    }
  };
  const [cert, key] = [await read(files.certFile), await read(files.keyFile)];
  const clientCa = files.clientCaFile === undefined ? undefined : await read(files.clientCaFile);
  try {
    createSecureContext({ cert, key, ca: clientCa });
    // Neither a missing certificate nor one that is no PEM troubles the context above.
    for (const pem of clientCa === undefined ? [cert] : [cert, clientCa]) void new X509Certificate(pem).validTo;
    return { cert, key, clientCa };
  } catch (cause) {
    const message = `${part}: ${files.certFile} and ${files.keyFile} are no PEM certificate with its key`;
    throw new TlsFilesError(`${message}${clientCa === undefined ? '' : `, or ${files.clientCaFile} is no authority`}`, {
      cause,
    });
  }
}
