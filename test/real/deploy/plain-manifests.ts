/** The plain manifests: rendered charts with placeholder values, without what only Helm needs. */
import { join } from 'node:path';
import { renderChart } from './helm.ts';
import type { Chart, Values } from './helm.ts';

type Manifest = { readonly file: string; readonly chart: Chart; readonly values: Values };

export const manifestsFolder: string = join(import.meta.dirname, '../../../deploy/manifests');

export const placeholders = {
  agent: { cluster: 'my-cluster', 'collector.address': 'collector.example.com:7443' },
  fleet: {
    mode: 'fleet',
    'clickhouse.url': 'https://clickhouse.example.com:8443',
    'kafka.brokers': ['kafka-1.example.com:9092', 'kafka-2.example.com:9092', 'kafka-3.example.com:9092'],
  },
} as const;

export const manifests: readonly Manifest[] = [
  { file: 'agent.yaml', chart: 'driftline-agent', values: placeholders.agent },
  { file: 'collector.yaml', chart: 'driftline-collector', values: {} },
  { file: 'collector-fleet.yaml', chart: 'driftline-collector', values: placeholders.fleet },
];

export function plainManifest({ chart, values }: Manifest): string {
  const head = `# Rendered from deploy/charts/${chart}; what to replace and which Secrets to make: README.md beside this file.\n`;
  const body = renderChart(chart, values)
    .split('\n')
    .filter((line) => !/^# Source: |app\.kubernetes\.io\/managed-by: Helm$|^\s+$/.test(line))
    .join('\n');
  return head + body.replace(/^---\n/, '');
}
