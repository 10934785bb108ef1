/** What the listeners' certificates log. */
export const tlsLog = {
  reloaded: 'tls-reloaded',
  reloadFailed: 'tls-reload-failed',
  expired: 'tls-certificate-expired',
  expiresSoon: 'tls-certificate-expires-soon',
} as const;
