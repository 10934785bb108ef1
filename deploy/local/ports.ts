/** Loopback ports for the local system. */
import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';
import { UsageError } from './usage-error.ts';

/** Below the ports that the kernel gives to outgoing connections: one of those could take it before its user does. */
const firstPort = 20_000;
const lastPort = 32_000;
const attempts = 50;

/** A port that was free a moment ago. */
export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < attempts; attempt += 1) {
    const port = await listenOnce(randomInt(firstPort, lastPort)).catch(() => undefined);
    if (port !== undefined) return port;
  }
  return listenOnce(0);
}

/** The wanted port, if it is free; throws a UsageError that says who is probably there. */
export async function requirePort(port: number): Promise<number> {
  try {
    return await listenOnce(port);
  } catch (cause) {
    throw new UsageError(
      `port ${port} is taken, perhaps by another 'npm start': stop that, or choose another with --api-port`,
      { cause },
    );
  }
}

const neighbours = 20;

/** `port`, or the next one that is free: the same at every start unless somebody else has it. */
export async function portFrom(port: number): Promise<number> {
  for (let next = port; next < port + neighbours; next += 1) {
    const free = await listenOnce(next).catch(() => undefined);
    if (free !== undefined) return free;
  }
  throw new UsageError(`ports ${port} to ${port + neighbours - 1} are taken: choose another with --api-port`);
}

function listenOnce(port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : port));
    });
  });
}
