/**
 * A wire between two processes that can be cut, stalled, slowed, or broken in the middle of a frame. It carries bytes and
 * knows no protocol.
 */
import { createServer, connect } from 'node:net';
import type { Server, Socket } from 'node:net';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';

export type LinkMode =
  | { readonly type: 'open' }
  /** Connections are reset, and so is everyone who tries. */
  | { readonly type: 'cut' }
  /** Nothing moves, and nobody is told. What is stalled stays dead when the link opens again: its peer is gone. */
  | { readonly type: 'half-open' }
  /** Nothing moves until the link opens again. */
  | { readonly type: 'stalled' }
  | { readonly type: 'slow'; readonly bytesPerS: number }
  /** Each connection is reset after that many bytes towards the client, wherever in a frame that is. */
  | { readonly type: 'breaking'; readonly afterBytes: () => number };

type Wire = { readonly client: Socket; readonly server: Socket; isDead: boolean; bytesLeft: number };

const open: LinkMode = { type: 'open' };

export class Link {
  readonly #targetPort: number;
  readonly #server: Server;
  readonly #wires = new Set<Wire>();
  #mode: LinkMode = open;
  #changed = Promise.withResolvers<void>();

  private constructor(targetPort: number) {
    this.#targetPort = targetPort;
    this.#server = createServer({ allowHalfOpen: false }, (client) => this.#accept(client));
  }

  static async listen(port: number, targetPort: number): Promise<Link> {
    const link = new Link(targetPort);
    link.#server.listen(port, '127.0.0.1');
    await once(link.#server, 'listening');
    return link;
  }

  set(mode: LinkMode): void {
    for (const wire of this.#wires) {
      if (mode.type === 'cut') reset(wire);
      if (mode.type === 'half-open') wire.isDead = true;
      if (mode.type === 'breaking') wire.bytesLeft = mode.afterBytes();
    }
    this.#mode = mode;
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }

  open(): void {
    this.set(open);
  }

  async close(): Promise<void> {
    for (const wire of this.#wires) reset(wire);
    this.#server.close();
    this.#changed.resolve();
    await once(this.#server, 'close');
  }

  #accept(client: Socket): void {
    if (this.#mode.type === 'cut') {
      client.resetAndDestroy();
      return;
    }
    const server = connect({ port: this.#targetPort, host: '127.0.0.1' });
    const wire: Wire = {
      client,
      server,
      isDead: this.#mode.type === 'half-open',
      bytesLeft: this.#mode.type === 'breaking' ? this.#mode.afterBytes() : Infinity,
    };
    this.#wires.add(wire);
    for (const socket of [client, server]) {
      socket.setNoDelay(true);
      socket.on('error', () => reset(wire));
      socket.on('close', () => {
        this.#wires.delete(wire);
        if (!wire.isDead) reset(wire);
      });
    }
    void this.#pump(wire, client, server).catch(() => reset(wire));
    void this.#pump(wire, server, client).catch(() => reset(wire));
  }

  async #pump(wire: Wire, from: Socket, to: Socket): Promise<void> {
    for await (const chunk of from) {
      let bytes = chunk as Buffer;
      while (this.#mode.type === 'stalled' || (wire.isDead && !from.destroyed)) await this.#changed.promise;
      if (this.#mode.type === 'slow') await sleep((bytes.length / this.#mode.bytesPerS) * 1000);
      if (to === wire.client) {
        bytes = bytes.subarray(0, wire.bytesLeft);
        wire.bytesLeft -= bytes.length;
      }
      if (!to.write(bytes)) await once(to, 'drain');
      if (wire.bytesLeft <= 0) return reset(wire);
    }
    to.end();
  }
}

function reset({ client, server }: Wire): void {
  client.resetAndDestroy();
  server.resetAndDestroy();
}
