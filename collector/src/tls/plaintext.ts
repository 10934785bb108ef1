/** Tokens never travel in the clear beyond this machine, unless whoever runs the collector says so. */

/** Whether only this machine can reach that host. */
export const isLoopback = (host: string): boolean =>
  host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host);

export type PlaintextQuestion = {
  /** Who listens: 'gateway' or 'api'. */
  readonly part: string;
  readonly host: string;
  readonly hasTls: boolean;
  readonly allowPlaintext: boolean;
  /** The settings that would help. */
  readonly settings: { readonly tls: string; readonly allowPlaintext: string };
};

/** Why it must not listen so, and what to do; undefined when it may. */
export const plaintextFault = (question: PlaintextQuestion): string | undefined => {
  const { part, host, hasTls, allowPlaintext, settings } = question;
  if (hasTls || allowPlaintext || isLoopback(host)) return undefined;
  return (
    `${part}: refusing to listen on ${host} without TLS, since tokens would travel in the clear: give a certificate ` +
    `and key (${settings.tls}), listen on 127.0.0.1, or allow plain text (${settings.allowPlaintext}) behind something that encrypts`
  );
};

export const gatewaySettings = {
  tls: 'DRIFTLINE_TLS_CERT_FILE, _KEY_FILE',
  allowPlaintext: 'DRIFTLINE_ALLOW_PLAINTEXT',
};
export const apiSettings = {
  tls: 'DRIFTLINE_API_TLS_CERT_FILE, _KEY_FILE',
  allowPlaintext: 'DRIFTLINE_API_ALLOW_PLAINTEXT',
};

export class ListenError extends Error {
  readonly code = 'plaintext-refused';
  readonly retryable = false;
  constructor(message: string) {
    super(message);
    this.name = 'ListenError';
  }
}

/** Throws ListenError for plain text beyond loopback. */
export const refusePlaintext = (question: PlaintextQuestion): void => {
  const fault = plaintextFault(question);
  if (fault !== undefined) throw new ListenError(fault);
};
