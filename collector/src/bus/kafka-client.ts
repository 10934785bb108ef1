/** What every client of the brokers is opened with: where they are, and how one is known to them and they to it. */
import { readFile } from 'node:fs/promises';
import { isIP } from 'node:net';

export const saslMechanisms = ['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512'] as const;

export type KafkaSecurity = {
  /** undefined: plain text. Without `caFile` the authorities that Node trusts. PEM files, read once. */
  readonly tls: { readonly caFile?: string; readonly certFile?: string; readonly keyFile?: string } | undefined;
  readonly sasl:
    | { readonly mechanism: (typeof saslMechanisms)[number]; readonly username: string; readonly password: string }
    | undefined;
};

export type KafkaClient = {
  readonly clientId: string;
  readonly bootstrapBrokers: string[];
  readonly tls?: { readonly ca?: string; readonly cert?: string; readonly key?: string };
  readonly tlsServerName?: boolean;
  readonly sasl?: NonNullable<KafkaSecurity['sasl']>;
};

/** Throws what reading a file throws. */
export const kafkaClient = async (
  brokers: readonly string[],
  { tls, sasl }: KafkaSecurity = { tls: undefined, sasl: undefined },
): Promise<KafkaClient> => {
  const client = { clientId: 'driftline', bootstrapBrokers: [...brokers], ...(sasl && { sasl }) };
  if (tls === undefined) return client;
  const files = { ca: tls.caFile, cert: tls.certFile, key: tls.keyFile };
  const read: Record<string, string> = {};
  for (const [name, path] of Object.entries(files)) if (path !== undefined) read[name] = await readFile(path, 'utf8');
  // Brokers behind one address are told apart by the name that is asked for; an IP address is no name.
  const haveNames = brokers.every(
    (broker) => isIP(broker.slice(0, broker.lastIndexOf(':')).replace(/^\[|\]$/g, '')) === 0,
  );
  return { ...client, tls: read, tlsServerName: haveNames };
};
