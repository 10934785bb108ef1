/** Loopback ports for the local system. */
import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';
import { UsageError } from './flags.ts';

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

/** Says who is probably there when the port is taken. */
export async function requirePort(port: number): Promise<void> {
  try {
    await listenOnce(port);
  } catch (cause) {
    throw new UsageError(
      `port ${port} is taken, perhaps by another 'npm start': stop that, or choose another with --api-port`,
      { cause },
    );
  }
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
