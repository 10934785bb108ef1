import { Counter, Gauge, Histogram } from 'prom-client';
import type { Registry } from 'prom-client';

export type ApiMetrics = {
  readonly requests: Counter<'operation' | 'status'>;
  readonly seconds: Histogram<'operation'>;
  /** Which bound was met: connections, request, requests-at-once, query. */
  readonly limited: Counter<'limit'>;
};

/** @param connections how many are open now */
export const createApiMetrics = (registry: Registry, connections: () => Promise<number>): ApiMetrics => {
  const registers = [registry];
  // Its value is asked for when metrics are read.
  void new Gauge({
    name: 'driftline_api_connections',
    help: 'Open connections to the API',
    registers,
    async collect() {
      this.set(await connections());
    },
  });
  return {
    requests: new Counter({
      name: 'driftline_api_requests_total',
      help: 'Questions answered, by operation and HTTP status',
      labelNames: ['operation', 'status'],
      registers,
    }),
    seconds: new Histogram({
      name: 'driftline_api_request_seconds',
      help: 'Time to answer a question',
      labelNames: ['operation'],
      buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
      registers,
    }),
    limited: new Counter({
      name: 'driftline_api_limited_total',
      help: 'Connections and requests refused by a limit: connections, request (size, time), requests-at-once, query (time, memory)',
      labelNames: ['limit'],
      registers,
    }),
  };
};

/** Told when a page ended before its limit, because of what its objects weigh. */
export const countCutAnswers = (registry: Registry): (() => void) => {
  const cut = new Counter({
    name: 'driftline_api_cut_answers_total',
    help: 'Reads of stored objects that were cut because one answer may hold only so many characters of them',
    registers: [registry],
  });
  return () => cut.inc();
};
