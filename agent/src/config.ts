/**
 * The agent's configuration: defaults ← environment ← flags, parsed once. The only reader of the environment.
 * A flag is the variable's name without its prefix: DRIFTLINE_AGENT_STATE_DIR is --state-dir.
 */
import { parseArgs } from 'node:util';
import { z } from 'zod';
import { StartError } from './config-error.ts';
import { isLoopback } from './loopback.ts';

const prefix = 'DRIFTLINE_AGENT_';

export type Address = { readonly host: string; readonly port: number };

const address = z
  .string()
  .regex(/^(\[[0-9a-fA-F:]+\]|[^:\s]+):\d{1,5}$/, 'must be host:port')
  .transform((text): Address => {
    const colon = text.lastIndexOf(':');
    return { host: text.slice(0, colon).replace(/^\[|\]$/g, ''), port: Number(text.slice(colon + 1)) };
  })
  .refine(({ port }) => port <= 65_535, 'must be a port up to 65535');

const units: Readonly<Record<string, number>> = {
  '': 1,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
};
const byteSize = z
  .string()
  .regex(/^\d{1,15}(k|M|G|Ki|Mi|Gi)?$/, 'must be a size such as 512Mi')
  .transform((text) => {
    const [, digits = '0', unit = ''] = /^(\d+)(\D*)$/.exec(text) ?? [];
    return Number(digits) * (units[unit] ?? 1);
  });

const flag = z
  .enum(['true', 'false', '1', '0', ''], 'must be true or false')
  .transform((text) => text === 'true' || text === '1');
const path = z.string().min(1, 'must not be empty').optional();
const list = z
  .string()
  .transform((text) => text.split(',').map((item) => item.trim()))
  .pipe(z.array(z.string().min(1, 'must not have empty items')));

/** `host:port` is short for `https://host:port`. */
const collectorUrl = z
  .string('is required: where the collector listens, host:port')
  .min(1, 'must be host:port')
  .transform((text) => (/^[a-z]+:\/\//i.test(text) ? text : `https://${text}`));

const minSpoolBytes = 64 * 1024;

/** By flag. The texts are what --help shows. */
const settings = {
  cluster: z.string("is required: the cluster's name").min(1).max(253).describe('NAME  name of this cluster'),
  collector: collectorUrl.describe('HOST:PORT  the collector; http://HOST:PORT for clear text'),
  'token-file': path.describe('FILE  bearer token for the collector'),
  'collector-ca-file': path.describe("FILE  authority of the collector's certificate (PEM)"),
  'collector-cert-file': path.describe('FILE  client certificate for the collector (PEM)'),
  'collector-key-file': path.describe('FILE  its key'),
  'collector-server-name': path.describe("NAME  name in the collector's certificate, where it is not its host"),
  'allow-insecure-transport': flag.default(false).describe('let the token travel in clear text to another machine'),
  'state-dir': z
    .string()
    .min(1)
    .default('./driftline-agent')
    .describe('DIR  spool and known objects (./driftline-agent)'),
  'spool-limit': byteSize
    .refine((bytes) => bytes >= minSpoolBytes, 'must be at least 64Ki')
    .prefault('512Mi')
    .describe('SIZE  bytes of the spool (512Mi)'),
  'self-check-interval-minutes': z.coerce
    .number()
    .int()
    .min(0)
    .max(10_080)
    .default(60)
    .describe('N  how often to compare all kinds with what the collector has; 0: never (60)'),
  'redaction-key-file': z
    .string("is required: the file with the cluster's redaction key")
    .min(1)
    .describe("FILE  the cluster's redaction key; outside the state directory"),
  'create-redaction-key': flag.default(false).describe('make the key file when it is missing'),
  kubeconfig: path.describe('FILE  how to reach the API server (in a Pod: its ServiceAccount)'),
  context: z.string().default('').describe('NAME  context of the kubeconfig (its current one)'),
  include: list.optional().describe('KIND,…  kinds to watch, such as pods,*.apps (all)'),
  exclude: list.optional().describe('KIND,…  kinds not to watch (events, leases, endpoints, endpointslices)'),
  'use-watch-list': flag.default(true).describe('BOOL  stream initial states where the API server can (true)'),
  'audit-webhook-listen': address.optional().describe('HOST:PORT  receive audit events from the API server here'),
  'audit-webhook-cert-file': path.describe("FILE  the webhook's certificate (PEM); without it, plain HTTP"),
  'audit-webhook-key-file': path.describe('FILE  its key'),
  'audit-webhook-client-ca-file': path.describe('FILE  authority of the client certificate to ask for'),
  'audit-webhook-token-file': path.describe('FILE  bearer token to ask for'),
  'audit-log-file': path.describe("FILE  follow the API server's audit log"),
  'audit-log-start': z.enum(['beginning', 'end']).default('beginning').describe('beginning|end  on the first start'),
  'audit-scope': z
    .enum(['writes', 'all'])
    .default('writes')
    .describe('writes|all  which audit events to record (writes)'),
  'health-listen': address
    .prefault('127.0.0.1:8081')
    .describe('HOST:PORT  /healthz, /readyz, /metrics (127.0.0.1:8081)'),
  'log-level': z
    .enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'])
    .default('info')
    .describe('LEVEL  (info)'),
} as const;

const schema = z.object(settings).superRefine((it, context) => {
  const together = (a: keyof typeof it, b: keyof typeof it): void => {
    if ((it[a] === undefined) !== (it[b] === undefined)) {
      context.addIssue({ code: 'custom', path: [a], message: `goes together with --${b}` });
    }
  };
  together('collector-cert-file', 'collector-key-file');
  together('audit-webhook-cert-file', 'audit-webhook-key-file');
  if (it['audit-webhook-client-ca-file'] !== undefined && it['audit-webhook-cert-file'] === undefined) {
    context.addIssue({ code: 'custom', path: ['audit-webhook-client-ca-file'], message: 'needs a certificate' });
  }
  const webhook = it['audit-webhook-listen'];
  const knowsSender = it['audit-webhook-token-file'] !== undefined || it['audit-webhook-client-ca-file'] !== undefined;
  if (webhook !== undefined && !isLoopback(webhook.host) && !knowsSender) {
    const message = 'beyond this machine anybody could say who did what: ask for a token or a client certificate';
    context.addIssue({ code: 'custom', path: ['audit-webhook-listen'], message });
  }
});

export type AgentConfig = {
  readonly cluster: string;
  readonly collector: {
    readonly url: string;
    readonly tokenFile: string | undefined;
    readonly caFile: string | undefined;
    readonly certificateFile: string | undefined;
    readonly keyFile: string | undefined;
    readonly serverName: string | undefined;
    readonly allowInsecureTransport: boolean;
  };
  readonly stateDir: string;
  readonly spoolLimitBytes: number;
  /** 0: no self-checks. */
  readonly selfCheckIntervalMs: number;
  readonly redactionKeyFile: string;
  readonly createRedactionKey: boolean;
  /** undefined: the Pod's ServiceAccount. */
  readonly kubeconfig: string | undefined;
  readonly context: string;
  /** What the Pod's environment says of its API server; read here since nothing else reads the environment. */
  readonly inCluster: { readonly host: string | undefined; readonly port: string | undefined };
  /** undefined: the watch's defaults. */
  readonly include: readonly string[] | undefined;
  readonly exclude: readonly string[] | undefined;
  readonly usesWatchList: boolean;
  readonly auditWebhook:
    | {
        readonly listen: Address;
        readonly certificateFile: string | undefined;
        readonly keyFile: string | undefined;
        readonly clientCaFile: string | undefined;
        readonly tokenFile: string | undefined;
      }
    | undefined;
  readonly auditLog: { readonly path: string; readonly startAt: 'beginning' | 'end' } | undefined;
  readonly auditScope: 'writes' | 'all';
  readonly healthListen: Address;
  readonly logLevel: string;
};

type Environment = Readonly<Record<string, string | undefined>>;

/** Throws StartError 'usage', whose message lists everything that is wrong. 'help' when that is asked for. */
export function parseConfig(args: readonly string[], environment: Environment): AgentConfig | 'help' {
  const flags = readFlags(args);
  if (flags['help'] === true) return 'help';
  const values: Record<string, string> = {};
  for (const name of Object.keys(settings)) {
    const fromEnvironment = environment[variableOf(name)];
    if (fromEnvironment !== undefined) values[name] = fromEnvironment;
    const fromFlag = flags[name];
    if (fromFlag !== undefined) values[name] = String(fromFlag);
  }
  const parsed = schema.safeParse(values);
  if (!parsed.success) {
    const problems = parsed.error.issues.map(({ path: [name], message }) => {
      return `--${String(name)} (${variableOf(String(name))}): ${message}`;
    });
    throw new StartError('usage', problems.join('\n'));
  }
  return toConfig(parsed.data, environment);
}

const variableOf = (name: string): string => prefix + name.toUpperCase().replaceAll('-', '_');

/** Flags that need no value. */
const switches = new Set(['allow-insecure-transport', 'create-redaction-key']);

function readFlags(args: readonly string[]): Record<string, string | boolean | undefined> {
  const options: Record<string, { readonly type: 'string' | 'boolean'; readonly short?: string }> = {
    help: { type: 'boolean', short: 'h' },
  };
  for (const name of Object.keys(settings)) options[name] = { type: switches.has(name) ? 'boolean' : 'string' };
  try {
    return { ...parseArgs({ args: [...args], options }).values };
  } catch (cause) {
    throw new StartError('usage', cause instanceof Error ? cause.message : 'the flags cannot be read', { cause });
  }
}

function toConfig(it: z.infer<typeof schema>, environment: Environment): AgentConfig {
  const listen = it['audit-webhook-listen'];
  const log = it['audit-log-file'];
  return {
    cluster: it.cluster,
    collector: {
      url: it.collector,
      tokenFile: it['token-file'],
      caFile: it['collector-ca-file'],
      certificateFile: it['collector-cert-file'],
      keyFile: it['collector-key-file'],
      serverName: it['collector-server-name'],
      allowInsecureTransport: it['allow-insecure-transport'],
    },
    stateDir: it['state-dir'],
    spoolLimitBytes: it['spool-limit'],
    selfCheckIntervalMs: it['self-check-interval-minutes'] * 60_000,
    redactionKeyFile: it['redaction-key-file'],
    createRedactionKey: it['create-redaction-key'],
    kubeconfig: it.kubeconfig,
    context: it.context,
    inCluster: { host: environment['KUBERNETES_SERVICE_HOST'], port: environment['KUBERNETES_SERVICE_PORT'] },
    include: it.include,
    exclude: it.exclude,
    usesWatchList: it['use-watch-list'],
    auditWebhook: listen && {
      listen,
      certificateFile: it['audit-webhook-cert-file'],
      keyFile: it['audit-webhook-key-file'],
      clientCaFile: it['audit-webhook-client-ca-file'],
      tokenFile: it['audit-webhook-token-file'],
    },
    auditLog: log === undefined ? undefined : { path: log, startAt: it['audit-log-start'] },
    auditScope: it['audit-scope'],
    healthListen: it['health-listen'],
    logLevel: it['log-level'],
  };
}

/** Every flag with its text, for --help. */
export function usage(): string {
  const lines = Object.entries(settings).map(([name, setting]) => {
    const [value = '', ...text] = (setting.description ?? '').split('  ');
    const hasValue = text.length > 0;
    return `  ${`--${name}${hasValue ? ` ${value}` : ''}`.padEnd(44)} ${hasValue ? text.join('  ') : value}`;
  });
  const head = 'Usage: node agent/src/main.ts --cluster NAME --collector HOST:PORT --redaction-key-file FILE [flags]';
  return `${head}\n\n${lines.join('\n')}\n\nEach flag can be given as ${prefix}<FLAG> in the environment, too.`;
}
