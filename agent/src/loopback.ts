import { isIP } from 'node:net';

/** Whether only this machine can be behind, or reach, that host; `[::1]` as in URLs is understood. */
export function isLoopback(hostname: string): boolean {
  const host = hostname.replace(/^\[|\]$/g, '');
  return host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'));
}
