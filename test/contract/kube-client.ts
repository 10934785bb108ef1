import { type IncomingMessage, request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';

/** Where a cluster is and how to get in: what the contract suite needs of one. */
export type ContractCluster = {
  readonly url: string;
  /** Bearer token of an administrator. */
  readonly token: string;
  /** PEM of the authority, for https. */
  readonly ca?: string;
  /** Makes everything before now too old to watch or to continue. Without it those cases are skipped. */
  readonly expireHistory?: () => Promise<void>;
  readonly close: () => Promise<void>;
};

export type Answer = {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly text: string;
  readonly body: Loose;
};
/** JSON as tests read it: any path, any shape; the assertion on the value is the check. */
// oxlint-disable-next-line typescript/no-explicit-any
export type Loose = any;

export type RequestOptions = {
  readonly method?: string;
  readonly body?: unknown;
  readonly contentType?: string;
  readonly accept?: string;
  readonly token?: string;
  readonly userAgent?: string;
};

const headersOf = (cluster: ContractCluster, options: RequestOptions) => ({
  authorization: `Bearer ${options.token ?? cluster.token}`,
  accept: options.accept ?? 'application/json',
  'user-agent': options.userAgent ?? 'contract/1.0',
  ...(options.body === undefined ? {} : { 'content-type': options.contentType ?? 'application/json' }),
});

const open = (cluster: ContractCluster, path: string, options: RequestOptions): Promise<IncomingMessage> =>
  new Promise((resolve, reject) => {
    const send = cluster.url.startsWith('https:') ? httpsRequest : httpRequest;
    const { body } = options;
    const text = body === undefined ? '' : typeof body === 'string' ? body : JSON.stringify(body);
    const request = send(`${cluster.url}${path}`, {
      method: options.method ?? 'GET',
      headers: { ...headersOf(cluster, options), 'content-length': Buffer.byteLength(text) },
      agent: false,
      ...(cluster.ca === undefined ? {} : { ca: cluster.ca }),
    });
    request.once('response', resolve);
    request.once('error', reject);
    request.end(text);
  });

/** One request and its whole answer. */
export const call = async (cluster: ContractCluster, path: string, options: RequestOptions = {}): Promise<Answer> => {
  const response = await open(cluster, path, options);
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  const text = Buffer.concat(chunks).toString('utf8');
  const isJson = (response.headers['content-type'] ?? '').includes('json');
  return {
    status: response.statusCode ?? 0,
    headers: response.headers,
    text,
    body: (isJson ? JSON.parse(text) : {}) as Loose,
  };
};

export type WatchEvent = { readonly type: string; readonly object: Loose };

/** An open watch, read event by event. */
export class Watch {
  readonly #response: IncomingMessage;
  readonly #events: AsyncIterator<WatchEvent>;

  constructor(response: IncomingMessage) {
    this.#response = response;
    this.#events = eventsOf(response);
  }

  get status(): number {
    return this.#response.statusCode ?? 0;
  }

  /** The next event; undefined when the server ended the watch. Fails after `withinMs`. */
  async next(withinMs = 60_000): Promise<WatchEvent | undefined> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(() => reject(new Error(`no watch event within ${withinMs} ms`)), withinMs);
    });
    try {
      const result = await Promise.race([this.#events.next(), late]);
      return result.done === true ? undefined : result.value;
    } finally {
      clearTimeout(timer);
    }
  }

  /** Events until one fits, that one included. */
  async until(fits: (event: WatchEvent) => boolean): Promise<WatchEvent[]> {
    const seen: WatchEvent[] = [];
    for (;;) {
      const event = await this.next();
      if (event === undefined) throw new Error(`the watch ended; seen: ${JSON.stringify(seen)}`);
      seen.push(event);
      if (fits(event)) return seen;
    }
  }

  close(): void {
    this.#response.destroy();
  }
}

async function* eventsOf(response: IncomingMessage): AsyncGenerator<WatchEvent> {
  let rest = '';
  response.setEncoding('utf8');
  try {
    for await (const chunk of response) {
      const lines = (rest + String(chunk)).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) if (line !== '') yield JSON.parse(line) as WatchEvent;
    }
  } catch (error) {
    // Closing the watch ourselves is no failure.
    if (!response.destroyed) throw error;
  }
}

export const openWatch = async (
  cluster: ContractCluster,
  path: string,
  query: Record<string, string>,
): Promise<Watch> =>
  new Watch(await open(cluster, `${path}?${new URLSearchParams({ watch: 'true', ...query }).toString()}`, {}));
