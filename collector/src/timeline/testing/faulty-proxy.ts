/** A real HTTP proxy before the store that fails inserts on demand, before or after the store has taken them. */
import { createServer, request as httpRequest, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export type Fault =
  | 'none'
  | 'cut-before' // the connection ends before the store sees anything
  | 'cut-within' // the store sees half of the request
  | 'cut-after' // the store has done it, and the answer never arrives
  | 'overloaded' // the store says it is short of memory
  | 'lost-answer' // the store has done it, and the answer is an error that may pass
  | 'refused' // the store says that it will not (grants)
  | 'lost-refusal' // the store has done it, and the answer says that it will not
  | 'hung'; // nothing is answered, until `release`

export type FaultyProxy = {
  readonly url: string;
  /** Asked for each insert, with its table. */
  fault: (table: string) => Fault;
  /** Asked for every other query. */
  readFault: () => Fault;
  /** Ends the connections that hang. */
  release(): void;
  close(): Promise<void>;
};

const memoryLimitExceeded = '241';
const accessDenied = '497';

export async function openFaultyProxy(upstream: string): Promise<FaultyProxy> {
  const hanging = new Set<IncomingMessage>();
  const server = createServer((request, response) => {
    void handle(request, response).catch(() => response.destroy());
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  const proxy: FaultyProxy = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    fault: () => 'none',
    readFault: () => 'none',
    release() {
      for (const request of hanging) request.socket.destroy();
      hanging.clear();
    },
    async close() {
      server.closeAllConnections();
      await new Promise((closed) => server.close(closed));
    },
  };

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const query = new URL(request.url ?? '/', upstream).searchParams.get('query') ?? '';
    const table = /^INSERT INTO (\w+)/.exec(query)?.[1];
    const fault = table === undefined ? proxy.readFault() : proxy.fault(table);
    if (fault === 'cut-before') return void request.socket.destroy();
    const body = Buffer.concat(await request.toArray());
    if (fault === 'hung') return void hanging.add(request);
    if (fault === 'overloaded') return fail(response);
    if (fault === 'refused') return fail(response, accessDenied);
    if (fault === 'cut-within') {
      await cutWithin(request, body);
      return void request.socket.destroy();
    }
    const answer = await forward(request, body);
    if (fault === 'cut-after') return void request.socket.destroy();
    if (fault === 'lost-answer') return fail(response);
    if (fault === 'lost-refusal') return fail(response, accessDenied);
    response.writeHead(answer.status, answer.headers).end(answer.body);
  }

  function fail(response: ServerResponse, code = memoryLimitExceeded): void {
    response.writeHead(500, { 'X-ClickHouse-Exception-Code': code });
    response.end(`Code: ${code}. DB::Exception: injected. (INJECTED)`);
  }

  function upstreamRequest(request: IncomingMessage, done: (answer: IncomingMessage) => void) {
    const { host: _host, connection: _connection, ...headers } = request.headers;
    return httpRequest(new URL(request.url ?? '/', upstream), { method: request.method, headers, agent: false }, done);
  }

  async function cutWithin(request: IncomingMessage, body: Buffer): Promise<void> {
    const forwarded = upstreamRequest(request, (answer) => answer.resume());
    forwarded.on('error', () => {});
    await new Promise<void>((sent) => forwarded.write(body.subarray(0, Math.floor(body.length / 2)), () => sent()));
    forwarded.destroy();
  }

  function forward(
    request: IncomingMessage,
    body: Buffer,
  ): Promise<{ status: number; headers: IncomingMessage['headers']; body: Buffer }> {
    return new Promise((resolve, reject) => {
      const forwarded = upstreamRequest(request, (answer) => {
        const { 'transfer-encoding': _encoding, connection: _connection, ...headers } = answer.headers;
        const whole = answer
          .toArray()
          .then((chunks) => ({ status: answer.statusCode ?? 502, headers, body: Buffer.concat(chunks) }));
        resolve(whole);
      });
      forwarded.on('error', reject).end(body);
    });
  }

  return proxy;
}
