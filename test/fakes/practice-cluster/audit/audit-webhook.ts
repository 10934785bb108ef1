import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';

export type AuditWebhookOptions = {
  readonly url: string;
  /** PEM of the receiver's authority, for https with its own certificate. */
  readonly ca?: string;
  readonly bearerToken?: string;
  /** Events in one POST at most. Default 400. */
  readonly batchMaxEvents?: number;
  /** How long an event waits for company. Default 200. */
  readonly batchMaxWaitMs?: number;
  /** Events held while the receiver is away; what does not fit is dropped and counted. Default 10 000. */
  readonly bufferMaxEvents?: number;
  /** First delay before a batch is sent again; it grows by half each time. Default 500. */
  readonly retryDelayMs?: number;
  /** Sends of one batch before it is dropped and counted. Default 8. */
  readonly maxAttempts?: number;
  readonly requestTimeoutMs?: number;
};

/** Sends audit events in batches, in order, one batch at a time, as the API server's webhook backend does. */
export class AuditWebhook {
  readonly #options: Required<Omit<AuditWebhookOptions, 'ca' | 'bearerToken'>> & AuditWebhookOptions;
  #buffer: string[] = [];
  #timer: NodeJS.Timeout | undefined;
  #sending: Promise<void> | undefined;
  #isStopped = false;
  #wake: (() => void) | undefined;
  sentEvents = 0;
  droppedEvents = 0;
  failedRequests = 0;

  constructor(options: AuditWebhookOptions) {
    this.#options = {
      batchMaxEvents: 400,
      batchMaxWaitMs: 200,
      bufferMaxEvents: 10_000,
      retryDelayMs: 500,
      maxAttempts: 8,
      requestTimeoutMs: 30_000,
      ...options,
    };
  }

  add(event: string): void {
    if (this.#isStopped) return;
    if (this.#buffer.length >= this.#options.bufferMaxEvents) {
      this.droppedEvents += 1;
      return;
    }
    this.#buffer.push(event);
    if (this.#buffer.length >= this.#options.batchMaxEvents) this.#flush();
    else this.#timer ??= setTimeout(() => this.#flush(), this.#options.batchMaxWaitMs);
  }

  /** Sends what is buffered, without further retries of what fails. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#wake?.();
    this.#flush();
    await this.#sending;
  }

  #flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#sending ??= this.#drain().finally(() => {
      this.#sending = undefined;
    });
  }

  async #drain(): Promise<void> {
    while (this.#buffer.length > 0) {
      const batch = this.#buffer.splice(0, this.#options.batchMaxEvents);
      if (await this.#deliver(batch)) this.sentEvents += batch.length;
      else this.droppedEvents += batch.length;
    }
  }

  async #deliver(batch: readonly string[]): Promise<boolean> {
    const body = `{"kind":"EventList","apiVersion":"audit.k8s.io/v1","metadata":{},"items":[${batch.join(',')}]}`;
    let delayMs = this.#options.retryDelayMs;
    for (let attempt = 1; attempt <= this.#options.maxAttempts; attempt += 1) {
      const status = await this.#post(body);
      if (status >= 200 && status < 300) return true;
      this.failedRequests += 1;
      const isRetryable = status === 0 || status === 429 || status >= 500;
      if (!isRetryable || this.#isStopped) return false;
      await this.#pause(delayMs);
      delayMs *= 1.5;
    }
    return false;
  }

  #pause(delayMs: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, delayMs);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  /** Status of the answer; 0 when there was none. */
  #post(body: string): Promise<number> {
    const { url, ca, bearerToken, requestTimeoutMs } = this.#options;
    const send = url.startsWith('https:') ? httpsRequest : httpRequest;
    return new Promise((resolve) => {
      const request = send(url, {
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          'content-length': Buffer.byteLength(body),
          'user-agent': 'kube-apiserver/v1.36.0 (linux/amd64) kubernetes/practice',
          ...(bearerToken === undefined ? {} : { authorization: `Bearer ${bearerToken}` }),
        },
        timeout: requestTimeoutMs,
        ...(ca === undefined ? {} : { ca }),
      });
      request.once('timeout', () => request.destroy(new Error('audit webhook: no answer in time')));
      request.once('error', () => resolve(0));
      request.once('response', (response) => {
        response.resume();
        response.once('error', () => resolve(0));
        response.once('end', () => resolve(response.statusCode ?? 0));
      });
      request.end(body);
    });
  }
}
