/**
 * Events to an HTTP receiver: one POST with a JSON array. The body is signed when a secret is configured
 * (`Driftline-Signature: sha256=<hex HMAC of the body>`), so a receiver can tell who sent it.
 */
import { createHmac } from 'node:crypto';
import type { Delivery, Sink } from './sink.ts';

export type WebhookSinkConfig = {
  readonly name: string;
  readonly url: string;
  /** Sent as they are, for example an Authorization header. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly secret?: string;
  /** Time for one request, connection included. */
  readonly timeoutMs?: number;
};

const defaultTimeoutMs = 10_000;

export function createWebhookSink(config: WebhookSinkConfig): Sink {
  return {
    name: config.name,
    async deliver(events) {
      const body = JSON.stringify(events);
      const signature =
        config.secret === undefined ? undefined : createHmac('sha256', config.secret).update(body).digest('hex');
      try {
        const response = await fetch(config.url, {
          method: 'POST',
          body,
          redirect: 'error',
          headers: {
            'content-type': 'application/json',
            ...config.headers,
            ...(signature === undefined ? {} : { 'driftline-signature': `sha256=${signature}` }),
          },
          signal: AbortSignal.timeout(config.timeoutMs ?? defaultTimeoutMs),
        });
        await response.body?.cancel();
        return judgeResponse(response);
      } catch (error) {
        return { outcome: 'retry', afterMs: 0, reason: reasonOf(error) };
      }
    },
    close: async () => {},
  };
}

/** Only these say that the events themselves are refused; credentials, addresses and methods can be mended. */
const refusals = new Set([400, 413, 422]);

function judgeResponse(response: Response): Delivery {
  if (response.ok) return { outcome: 'delivered' };
  const reason = `the receiver answered ${response.status} ${response.statusText}`.trim();
  if (refusals.has(response.status)) return { outcome: 'dead', reason };
  const retryAfterSeconds = Number(response.headers.get('retry-after'));
  return { outcome: 'retry', afterMs: Number.isFinite(retryAfterSeconds) ? retryAfterSeconds * 1000 : 0, reason };
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? `${error.message}: ${error.cause.message}` : error.message;
}
