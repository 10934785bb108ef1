/**
 * Stands between the API server's audit webhook and the agent, and treats each batch in one of several ways. What it has
 * taken for itself it delivers, however long the agent is away: of that nothing may be lost.
 */
import { once } from 'node:events';
import { createServer, request } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';

export type Treatment =
  /** The agent's answer is the answer. */
  | { readonly type: 'through' }
  | { readonly type: 'refuse'; readonly status: 429 | 500 | 503 }
  /** The agent takes the batch, and the API server is told otherwise. */
  | { readonly type: 'lose-answer' }
  /** Half of the body arrives. */
  | { readonly type: 'cut' }
  /** Taken, and delivered later: as often as `delaysMs` has entries, each time in an order of its own. */
  | { readonly type: 'hold'; readonly delaysMs: readonly number[]; readonly rank: () => number };

export type Receiver = { readonly port: number; readonly token: string };

type List = { readonly items: readonly unknown[] };

const redeliveryPauseMs = 500;
const through: Treatment = { type: 'through' };

export class AuditRelay {
  readonly #server: Server;
  readonly #deliveries = new Set<Promise<void>>();
  #receiver: Receiver | undefined;
  #closing = new AbortController();
  /** Asked for each batch. */
  treatment: () => Treatment = () => through;
  /** Batches by how they were treated. */
  readonly treated = new Map<string, number>();

  private constructor() {
    this.#server = createServer((incoming, outgoing) => {
      void this.#handle(incoming, outgoing).catch(() => outgoing.destroy());
    });
  }

  static async listen(port: number): Promise<AuditRelay> {
    const relay = new AuditRelay();
    relay.#server.listen(port, '127.0.0.1');
    await once(relay.#server, 'listening');
    return relay;
  }

  /** From now on batches are for this agent. Without one they are taken and forgotten. */
  async deliverTo(receiver: Receiver | undefined): Promise<void> {
    this.#closing.abort();
    await Promise.all(this.#deliveries);
    this.#closing = new AbortController();
    this.#receiver = receiver;
    this.treatment = () => through;
  }

  async close(): Promise<void> {
    await this.deliverTo(undefined);
    this.#server.close();
    this.#server.closeAllConnections();
    await once(this.#server, 'close');
  }

  async #handle(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const body = Buffer.concat(await incoming.toArray());
    const receiver = this.#receiver;
    if (receiver === undefined) return void outgoing.end();
    const treatment = this.treatment();
    this.treated.set(treatment.type, (this.treated.get(treatment.type) ?? 0) + 1);
    switch (treatment.type) {
      case 'through':
        return void outgoing.writeHead(await send(receiver, body)).end();
      case 'refuse':
        return void outgoing.writeHead(treatment.status).end();
      case 'lose-answer':
        await send(receiver, body);
        return void incoming.socket.destroy();
      case 'cut':
        await send(receiver, body, Math.floor(body.length / 2)).catch(() => undefined);
        return void incoming.socket.destroy();
      case 'hold':
        this.#hold(receiver, body, treatment);
        return void outgoing.end();
    }
  }

  #hold(receiver: Receiver, body: Buffer, { delaysMs, rank }: Extract<Treatment, { type: 'hold' }>): void {
    const list = JSON.parse(body.toString()) as List;
    for (const delayMs of delaysMs) {
      const items = list.items
        .map((item) => ({ item, rank: rank() }))
        .sort((a, b) => a.rank - b.rank)
        .map(({ item }) => item);
      const delivery = this.#deliver(receiver, Buffer.from(JSON.stringify({ ...list, items })), delayMs);
      this.#deliveries.add(delivery);
      void delivery.finally(() => this.#deliveries.delete(delivery));
    }
  }

  async #deliver(receiver: Receiver, body: Buffer, delayMs: number): Promise<void> {
    const { signal } = this.#closing;
    const pause = (timeMs: number): Promise<void> => sleep(timeMs, undefined, { signal }).catch(() => undefined);
    await pause(delayMs);
    while (!signal.aborted) {
      const status = await send(receiver, body).catch(() => 0);
      if (status === 200) return;
      await pause(redeliveryPauseMs);
    }
  }
}

/** The status of the answer; rejects when there is none. `bytes`: the connection is reset after so many of the body. */
function send({ port, token }: Receiver, body: Buffer, bytes = body.length): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  const headers = {
    authorization: `Bearer ${token}`,
    'content-type': 'application/json',
    'content-length': body.length,
  };
  const sent = request({ host: '127.0.0.1', port, method: 'POST', path: '/', headers, agent: false });
  sent.once('error', reject);
  sent.once('response', (response) => {
    response.once('error', reject);
    response.resume();
    response.once('end', () => resolve(response.statusCode ?? 0));
  });
  if (bytes === body.length) sent.end(body);
  else sent.write(body.subarray(0, bytes), () => sent.destroy(new Error('cut')));
  return promise;
}
