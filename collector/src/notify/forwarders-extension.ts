/** The forwarders as a part of the collector: one for each entry of the forwarders file, none without one. */
import { Counter, type Registry } from 'prom-client';
import { collectorVersion } from '../api/api-extension.ts';
import type { CollectorExtension, CollectorParts } from '../collector.ts';
import { openTimelineCursors } from '../timeline/cursors/timeline-cursors.ts';
import { createFileSink } from './file-sink.ts';
import { type Forwarder, type ForwarderMetrics, openForwarder } from './forwarder.ts';
import { type ForwarderEntry, readForwarders } from './forwarders-file.ts';
import type { Producer } from './ocsf.ts';
import type { Sink } from './sink.ts';
import { createTimelineSource } from './timeline-source.ts';
import { createWebhookSink } from './webhook-sink.ts';

export const forwardersExtension: CollectorExtension = {
  name: 'forwarders',
  async open(parts) {
    const { forwardersFile } = parts.config;
    const entries = forwardersFile === undefined ? [] : await readForwarders(forwardersFile);
    return openForwarders(parts, entries);
  },
};

type ForwarderParts = Pick<CollectorParts, 'timeline' | 'metrics' | 'logger'> & {
  readonly policies: Pick<CollectorParts['policies'], 'control'>;
};

export function openForwarders(parts: ForwarderParts, entries: readonly ForwarderEntry[]): Forwarder {
  const cursors = openTimelineCursors(parts.timeline.connection, () => Date.now() * 1_000);
  const metrics = createForwarderMetrics(parts.metrics.registry);
  const { reader } = parts.timeline;
  const producer = producerOf(parts);
  const forwarders = entries.map((entry) =>
    openForwarder({
      source: createTimelineSource({ reader, cursors, producer, tenant: entry.tenant, name: entry.name }),
      sink: sinkOf(entry),
      logger: parts.logger,
      metrics,
    }),
  );
  return {
    async close() {
      await Promise.all(forwarders.map((forwarder) => forwarder.close()));
      await cursors.close();
    },
  };
}

function sinkOf(entry: ForwarderEntry): Sink {
  switch (entry.type) {
    case 'webhook': {
      const { name, url, headers, secret } = entry;
      return createWebhookSink({ name, url, headers, ...(secret === undefined ? {} : { secret }) });
    }
    case 'file':
      return createFileSink({ name: entry.name, path: entry.path });
    default:
      return entry satisfies never;
  }
}

function producerOf({ policies }: ForwarderParts): Producer {
  return {
    version: collectorVersion,
    control(id) {
      const meta = policies.control(id);
      return meta === undefined ? undefined : { frameworks: meta.frameworks, remediation: meta.remediation.summary };
    },
  };
}

function createForwarderMetrics(registry: Registry): ForwarderMetrics {
  const counter = (name: string, help: string) =>
    new Counter({ name, help, labelNames: ['sink'], registers: [registry] });
  const delivered = counter('driftline_forward_events_total', 'Events that a receiver has taken');
  const retried = counter('driftline_forward_retries_total', 'Deliveries that failed and are tried again');
  const dead = counter('driftline_forward_refused_total', 'Events that a receiver refused for good');
  return {
    delivered: (sink, events) => delivered.inc({ sink }, events),
    retried: (sink) => retried.inc({ sink }),
    dead: (sink, events) => dead.inc({ sink }, events),
  };
}
