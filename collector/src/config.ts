/**
 * The collector's configuration: defaults ← environment ← flags, parsed once. The only reader of process.env.
 * A flag is the variable's name without its prefix: DRIFTLINE_DATA_DIR is --data-dir, KAFKA_BROKERS is --kafka-brokers.
 */
import { parseArgs } from 'node:util';
import { z } from 'zod';
import { type KafkaSecurity, saslMechanisms } from './bus/kafka-client.ts';
import type { StoreSettings } from './timeline/connection/store-settings.ts';
import { parseStoreSettings } from './timeline/connection/store-settings.ts';
import { apiSettings, gatewaySettings, plaintextFault } from './tls/plaintext.ts';
import type { TlsFiles } from './tls/tls-files.ts';

const address = z
  .string()
  .regex(/^(\[[0-9a-fA-F:]+\]|[^:\s]+):\d{1,5}$/, 'must be host:port')
  .transform((text) => {
    const colon = text.lastIndexOf(':');
    return { host: text.slice(0, colon).replace(/^\[|\]$/g, ''), port: Number(text.slice(colon + 1)) };
  });

const flag = z
  .enum(['true', 'false', '1', '0', ''])
  .transform((text) => text === 'true' || text === '1')
  .default(false);
const count = z.coerce.number().int().positive();
const path = z.string().min(1).optional();
const list = z
  .string()
  .transform((text) => text.split(',').map((item) => item.trim()))
  .pipe(z.array(z.string().min(1)));

const certificatePairs = [
  ['DRIFTLINE_TLS_CERT_FILE', 'DRIFTLINE_TLS_KEY_FILE'],
  ['DRIFTLINE_API_TLS_CERT_FILE', 'DRIFTLINE_API_TLS_KEY_FILE'],
  ['KAFKA_TLS_CERT_FILE', 'KAFKA_TLS_KEY_FILE'],
] as const;

const hasKafkaTls = (it: {
  readonly KAFKA_TLS: boolean;
  readonly KAFKA_TLS_CA_FILE?: string | undefined;
  readonly KAFKA_TLS_CERT_FILE?: string | undefined;
}): boolean => it.KAFKA_TLS || it.KAFKA_TLS_CA_FILE !== undefined || it.KAFKA_TLS_CERT_FILE !== undefined;

const schema = z
  .object({
    DRIFTLINE_ROLE: z.enum(['all', 'gateway', 'worker']).default('all'),
    DRIFTLINE_DATA_DIR: z.string().min(1).default('./driftline-data'),
    DRIFTLINE_TOKENS_FILE: path,
    DRIFTLINE_LISTEN: address.prefault('127.0.0.1:7443'),
    DRIFTLINE_API_LISTEN: address.prefault('127.0.0.1:7480'),
    DRIFTLINE_TLS_CERT_FILE: path,
    DRIFTLINE_TLS_KEY_FILE: path,
    DRIFTLINE_TLS_CLIENT_CA_FILE: path,
    DRIFTLINE_ALLOW_PLAINTEXT: flag,
    DRIFTLINE_API_TLS_CERT_FILE: path,
    DRIFTLINE_API_TLS_KEY_FILE: path,
    DRIFTLINE_API_ALLOW_PLAINTEXT: flag,
    DRIFTLINE_POLICY_DIRS: list.default([]),
    DRIFTLINE_FORWARDERS_FILE: path,
    DRIFTLINE_GIT_REPOSITORIES_FILE: path,
    DRIFTLINE_LOG_LEVEL: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'silent']).default('info'),
    KAFKA_BROKERS: list.default([]),
    KAFKA_TOPIC_PREFIX: z
      .string()
      .regex(/^[A-Za-z0-9._-]{1,100}$/)
      .default('driftline'),
    KAFKA_PARTITIONS: count.default(12),
    KAFKA_REPLICATION: count.default(1),
    KAFKA_TLS: flag,
    KAFKA_TLS_CA_FILE: path,
    KAFKA_TLS_CERT_FILE: path,
    KAFKA_TLS_KEY_FILE: path,
    KAFKA_SASL_MECHANISM: z.enum(saslMechanisms).optional(),
    KAFKA_USERNAME: z.string().min(1).optional(),
  })
  .superRefine((it, context) => {
    for (const [cert, key] of certificatePairs)
      if ((it[cert] === undefined) !== (it[key] === undefined))
        context.addIssue({ code: 'custom', message: 'a TLS certificate and its key go together', path: [cert] });
  })
  .refine((it) => (it.KAFKA_SASL_MECHANISM === undefined) === (it.KAFKA_USERNAME === undefined), {
    message: 'a mechanism and a user go together; the password is KAFKA_PASSWORD',
    path: ['KAFKA_SASL_MECHANISM'],
  })
  .refine((it) => it.KAFKA_SASL_MECHANISM !== 'PLAIN' || hasKafkaTls(it), {
    message: 'PLAIN sends the password as it is: it needs TLS (KAFKA_TLS, or KAFKA_TLS_CA_FILE)',
    path: ['KAFKA_SASL_MECHANISM'],
  })
  .refine((it) => it.DRIFTLINE_TLS_CLIENT_CA_FILE === undefined || it.DRIFTLINE_TLS_CERT_FILE !== undefined, {
    message: 'client certificates need a TLS certificate',
    path: ['DRIFTLINE_TLS_CLIENT_CA_FILE'],
  })
  .refine((it) => it.DRIFTLINE_ROLE === 'all' || it.KAFKA_BROKERS.length > 0, {
    message: 'a gateway or worker of its own needs KAFKA_BROKERS',
    path: ['DRIFTLINE_ROLE'],
  });

export type Address = { readonly host: string; readonly port: number };

export type CollectorConfig = {
  readonly role: 'all' | 'gateway' | 'worker';
  readonly dataDir: string;
  readonly tokensFile: string | undefined;
  readonly listen: Address;
  readonly apiListen: Address;
  readonly tls: TlsFiles | undefined;
  readonly allowPlaintext: boolean;
  /** The gateway's certificate, unless the API has its own or is allowed to speak plain HTTP. */
  readonly apiTls: TlsFiles | undefined;
  readonly apiAllowPlaintext: boolean;
  readonly policyDirs: readonly string[];
  readonly forwardersFile: string | undefined;
  readonly gitRepositoriesFile: string | undefined;
  /** Where executables are looked for: PATH. */
  readonly searchPath: string;
  readonly logLevel: string;
  readonly store: StoreSettings;
  /** undefined: embedded mode, the memory bus. */
  readonly kafka:
    | {
        readonly brokers: readonly string[];
        readonly topicPrefix: string;
        readonly partitions: number;
        readonly replication: number;
        readonly security: KafkaSecurity;
      }
    | undefined;
};

export class ConfigError extends Error {
  readonly code = 'invalid-config';
  readonly retryable = false;
  constructor(message: string) {
    super(message);
    this.name = 'ConfigError';
  }
}

export type Variables = Readonly<Record<string, string | undefined>>;

const flagOf = (variable: string): string =>
  variable
    .replace(/^DRIFTLINE_/, '')
    .toLowerCase()
    .replaceAll('_', '-');

const storeVariables = ['CLICKHOUSE_URL', 'CLICKHOUSE_DATABASE', 'CLICKHOUSE_USER'];

/** Every flag with its variable. */
export const usage = (): string =>
  [
    'usage: collector [--FLAG VALUE …]',
    '',
    'Each flag is a variable of the environment, too; collector/README.md says what they mean.',
    '',
    ...[...Object.keys(schema.shape), ...storeVariables].map(
      (name) => `  --${flagOf(name)} VALUE`.padEnd(38) + `  ${name}`,
    ),
  ].join('\n');

/** Flags as variables. Passwords have no flag: a command line is public. */
const readFlags = (args: readonly string[]): Variables => {
  const variables = [...Object.keys(schema.shape), ...storeVariables];
  const options = Object.fromEntries(variables.map((name) => [flagOf(name), { type: 'string' as const }]));
  try {
    const { values } = parseArgs({ args: [...args], options, allowPositionals: false });
    return Object.fromEntries(
      variables.flatMap((name) => {
        const value = values[flagOf(name)];
        return typeof value === 'string' ? [[name, value]] : [];
      }),
    );
  } catch (error) {
    throw new ConfigError(`collector: ${error instanceof Error ? error.message : 'the flags cannot be read'}`);
  }
};

/** Throws ConfigError that names every variable that is wrong, without its value. */
export const parseConfig = (environment: Variables, args: readonly string[] = []): CollectorConfig => {
  const variables: Variables = { ...environment, ...readFlags(args) };
  const given = Object.fromEntries(
    Object.entries(variables).filter(([, value]) => value !== undefined && value !== ''),
  );
  const parsed = schema.safeParse(given);
  if (!parsed.success) {
    const issues = parsed.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`);
    throw new ConfigError(`collector: the configuration is not usable: ${issues.join('; ')}`);
  }
  const it = parsed.data;
  const store = parseStoreSettings(variables);
  if (it.DRIFTLINE_ROLE !== 'all' && store.mode === 'embedded')
    throw new ConfigError(
      'collector: a gateway or worker of its own needs CLICKHOUSE_URL: an embedded store has one process',
    );
  const tls = pairOf(it.DRIFTLINE_TLS_CERT_FILE, it.DRIFTLINE_TLS_KEY_FILE);
  const apiPair = pairOf(it.DRIFTLINE_API_TLS_CERT_FILE, it.DRIFTLINE_API_TLS_KEY_FILE);
  const config: CollectorConfig = {
    role: it.DRIFTLINE_ROLE,
    dataDir: it.DRIFTLINE_DATA_DIR,
    tokensFile: it.DRIFTLINE_TOKENS_FILE,
    listen: it.DRIFTLINE_LISTEN,
    apiListen: it.DRIFTLINE_API_LISTEN,
    tls: tls === undefined ? undefined : { ...tls, clientCaFile: it.DRIFTLINE_TLS_CLIENT_CA_FILE },
    allowPlaintext: it.DRIFTLINE_ALLOW_PLAINTEXT,
    apiTls: apiPair ?? (it.DRIFTLINE_API_ALLOW_PLAINTEXT ? undefined : tls),
    apiAllowPlaintext: it.DRIFTLINE_API_ALLOW_PLAINTEXT,
    policyDirs: it.DRIFTLINE_POLICY_DIRS,
    forwardersFile: it.DRIFTLINE_FORWARDERS_FILE,
    gitRepositoriesFile: it.DRIFTLINE_GIT_REPOSITORIES_FILE,
    searchPath: variables['PATH'] ?? '/usr/local/bin:/usr/bin:/bin',
    logLevel: it.DRIFTLINE_LOG_LEVEL,
    store,
    kafka:
      it.KAFKA_BROKERS.length === 0
        ? undefined
        : {
            brokers: it.KAFKA_BROKERS,
            topicPrefix: it.KAFKA_TOPIC_PREFIX,
            partitions: it.KAFKA_PARTITIONS,
            replication: it.KAFKA_REPLICATION,
            security: kafkaSecurityOf(it, variables['KAFKA_PASSWORD']),
          },
  };
  refusePlaintextListeners(config);
  return config;
};

const kafkaSecurityOf = (it: z.output<typeof schema>, password: string | undefined): KafkaSecurity => {
  const { KAFKA_TLS_CA_FILE: caFile, KAFKA_SASL_MECHANISM: mechanism, KAFKA_USERNAME: username } = it;
  if (mechanism !== undefined && (password === undefined || password === ''))
    throw new ConfigError('collector: the configuration is not usable: KAFKA_PASSWORD: is needed with KAFKA_USERNAME');
  return {
    tls: hasKafkaTls(it)
      ? { ...(caFile !== undefined && { caFile }), ...pairOf(it.KAFKA_TLS_CERT_FILE, it.KAFKA_TLS_KEY_FILE) }
      : undefined,
    sasl:
      mechanism === undefined || username === undefined || password === undefined
        ? undefined
        : { mechanism, username, password },
  };
};

const pairOf = (certFile: string | undefined, keyFile: string | undefined): TlsFiles | undefined =>
  certFile === undefined || keyFile === undefined ? undefined : { certFile, keyFile };

/** Said before anything is opened; each listener asks again for itself. */
const refusePlaintextListeners = ({ role, listen, tls, allowPlaintext, apiListen, ...api }: CollectorConfig): void => {
  const gateway = { part: 'gateway', host: listen.host, hasTls: tls !== undefined, allowPlaintext };
  const apiQuestion = { part: 'api', host: apiListen.host, hasTls: api.apiTls !== undefined };
  const faults = [
    role === 'worker' ? undefined : plaintextFault({ ...gateway, settings: gatewaySettings }),
    plaintextFault({ ...apiQuestion, allowPlaintext: api.apiAllowPlaintext, settings: apiSettings }),
  ].filter((fault) => fault !== undefined);
  if (faults.length > 0) throw new ConfigError(`collector: ${faults.join('; ')}`);
};

export const readConfig = (): CollectorConfig => parseConfig(process.env, process.argv.slice(2));
