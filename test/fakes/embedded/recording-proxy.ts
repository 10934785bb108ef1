/** A TCP proxy that keeps every byte of both directions, and can cut what passes through it. */
import { type Socket, connect, createServer } from 'node:net';

export type RecordingProxy = {
  readonly port: number;
  /** What the clients have sent, one buffer a connection. */
  readonly sent: () => readonly Buffer[];
  /** What they have received. */
  readonly received: () => readonly Buffer[];
  /** Destroys what is open now. */
  cut(): void;
  /** Refuses connections until called with false. */
  refuse(isRefusing: boolean): void;
  /** Alters what comes from the target, chunk by chunk, from now on. */
  alter(change: ((chunk: Buffer) => Buffer) | undefined): void;
  close(): Promise<void>;
};

export async function openRecordingProxy(targetPort: number): Promise<RecordingProxy> {
  const sent: Buffer[][] = [];
  const received: Buffer[][] = [];
  const open = new Set<Socket>();
  let isRefusing = false;
  let change: ((chunk: Buffer) => Buffer) | undefined;
  const server = createServer((client) => {
    if (isRefusing) return void client.destroy();
    const target = connect(targetPort, '127.0.0.1');
    const [up, down]: [Buffer[], Buffer[]] = [[], []];
    sent.push(up);
    received.push(down);
    for (const socket of [client, target]) {
      open.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => {
        open.delete(socket);
        client.destroy();
        target.destroy();
      });
    }
    client.on('data', (chunk) => up.push(chunk));
    client.pipe(target);
    target.on('data', (chunk) => {
      const sentOn = change?.(chunk) ?? chunk;
      down.push(sentOn);
      if (!client.write(sentOn)) target.pause();
    });
    client.on('drain', () => target.resume());
    target.on('end', () => client.end());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const cut = (): void => open.forEach((socket) => socket.destroy());
  return {
    port: typeof address === 'object' && address !== null ? address.port : 0,
    sent: () => sent.map((chunks) => Buffer.concat(chunks)),
    received: () => received.map((chunks) => Buffer.concat(chunks)),
    cut,
    refuse(next) {
      isRefusing = next;
    },
    alter(next) {
      change = next;
    },
    async close() {
      cut();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
