/** Values of the agent's chart, beside what it asks for at least. */
import type { Values } from './helm.ts';
import { placeholders } from './plain-manifests.ts';

export const withWebhook: Values = {
  ...placeholders.agent,
  'collector.privateCa': true,
  'audit.webhook.enabled': true,
  'audit.webhook.from': [{ ipBlock: { cidr: '192.0.2.0/28' } }],
};

/** A client certificate instead of a token. */
export const withCertificate: Values = {
  ...placeholders.agent,
  'collector.secretName': '',
  'collector.clientCertSecretName': 'driftline-agent-tls',
  'collector.privateCa': true,
  'collector.serverName': 'central',
};
