/**
 * The agent's configuration: defaults ← environment ← flags, parsed once. The only reader of the environment.
 * A flag is the variable's name without its prefix: DRIFTLINE_AGENT_STATE_DIR is --state-dir.
 */
import { parseArgs } from 'node:util';
import { StartError } from './config-error.ts';
import { isLoopback } from './loopback.ts';
import type { Address } from './setting.ts';
import {
  BadSetting,
  address,
  anyText,
  byteSize,
  flag,
  list,
  nonEmpty,
  oneOf,
  optional,
  or,
  required,
  setting,
  wholeNumber,
} from './setting.ts';

export type { Address } from './setting.ts';

const prefix = 'DRIFTLINE_AGENT_';

const minSpoolBytes = 64 * 1024;

const path = optional(nonEmpty);
const kinds = optional(list);

/** By flag, in the order of --help, which shows their texts. */
const settings = {
  cluster: setting('NAME  name of this cluster', required(clusterName, "the cluster's name")),
  collector: setting(
    'HOST:PORT  the collector; http://HOST:PORT for clear text',
    required(collectorUrl, 'where the collector listens, host:port'),
  ),
  'token-file': setting('FILE  bearer token for the collector', path),
  'collector-ca-file': setting("FILE  authority of the collector's certificate (PEM)", path),
  'collector-cert-file': setting('FILE  client certificate for the collector (PEM)', path),
  'collector-key-file': setting('FILE  its key', path),
  'collector-server-name': setting("NAME  name in the collector's certificate, where it is not its host", path),
  'allow-insecure-transport': setting('let the token travel in clear text to another machine', or(flag, 'false')),
  'state-dir': setting('DIR  spool and known objects (./driftline-agent)', or(nonEmpty, './driftline-agent')),
  'spool-limit': setting('SIZE  bytes of the spool (512Mi)', or(spoolLimit, '512Mi')),
  'self-check-interval-minutes': setting(
    'N  how often to compare all kinds with what the collector has; 0: never (60)',
    or(wholeNumber(0, 10_080), '60'),
  ),
  'redaction-key-file': setting(
    "FILE  the cluster's redaction key; outside the state directory",
    required(nonEmpty, "the file with the cluster's redaction key"),
  ),
  'create-redaction-key': setting('make the key file when it is missing', or(flag, 'false')),
  kubeconfig: setting('FILE  how to reach the API server (in a Pod: its ServiceAccount)', path),
  context: setting('NAME  context of the kubeconfig (its current one)', or(anyText, '')),
  include: setting('KIND,…  kinds to watch, such as pods,*.apps (all)', kinds),
  exclude: setting('KIND,…  kinds not to watch (events, leases, endpoints, endpointslices)', kinds),
  'use-watch-list': setting('BOOL  stream initial states where the API server can (true)', or(flag, 'true')),
  'audit-webhook-listen': setting('HOST:PORT  receive audit events from the API server here', optional(address)),
  'audit-webhook-cert-file': setting("FILE  the webhook's certificate (PEM); without it, plain HTTP", path),
  'audit-webhook-key-file': setting('FILE  its key', path),
  'audit-webhook-client-ca-file': setting('FILE  authority of the client certificate to ask for', path),
  'audit-webhook-token-file': setting('FILE  bearer token to ask for', path),
  'audit-log-file': setting("FILE  follow the API server's audit log", path),
  'audit-log-start': setting('beginning|end  on the first start', or(oneOf('beginning', 'end'), 'beginning')),
  'audit-scope': setting('writes|all  which audit events to record (writes)', or(oneOf('writes', 'all'), 'writes')),
  'health-listen': setting('HOST:PORT  /healthz, /readyz, /metrics (127.0.0.1:8081)', or(address, '127.0.0.1:8081')),
  'log-level': setting(
    'LEVEL  (info)',
    or(oneOf('trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'), 'info'),
  ),
} as const;

type Name = keyof typeof settings;
const names = Object.keys(settings) as readonly Name[];
type Values = { readonly [N in Name]: ReturnType<(typeof settings)[N]['read']> };
type Problem = readonly [name: Name, message: string];

function clusterName(text: string): string {
  if (text.length > 253) throw new BadSetting('must have at most 253 characters');
  return nonEmpty(text);
}

/** `host:port` is short for `https://host:port`. */
function collectorUrl(text: string): string {
  if (text === '') throw new BadSetting('must be host:port');
  return /^[a-z]+:\/\//i.test(text) ? text : `https://${text}`;
}

function spoolLimit(text: string): number {
  const bytes = byteSize(text);
  if (bytes < minSpoolBytes) throw new BadSetting('must be at least 64Ki');
  return bytes;
}

/** What is wrong with settings that are each right. */
function problemsBetween(it: Values): readonly Problem[] {
  const problems: Problem[] = [];
  const together = (a: Name, b: Name): void => {
    if ((it[a] === undefined) !== (it[b] === undefined)) problems.push([a, `goes together with --${b}`]);
  };
  together('collector-cert-file', 'collector-key-file');
  together('audit-webhook-cert-file', 'audit-webhook-key-file');
  if (it['audit-webhook-client-ca-file'] !== undefined && it['audit-webhook-cert-file'] === undefined)
    problems.push(['audit-webhook-client-ca-file', 'needs a certificate']);
  const webhook = it['audit-webhook-listen'];
  const knowsSender = it['audit-webhook-token-file'] !== undefined || it['audit-webhook-client-ca-file'] !== undefined;
  if (webhook !== undefined && !isLoopback(webhook.host) && !knowsSender) {
    const message = 'beyond this machine anybody could say who did what: ask for a token or a client certificate';
    problems.push(['audit-webhook-listen', message]);
  }
  return problems;
}

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
  const problems: Problem[] = [];
  const values: Partial<Record<Name, unknown>> = {};
  for (const name of names) {
    const fromFlag = flags[name];
    try {
      values[name] = settings[name].read(fromFlag === undefined ? environment[variableOf(name)] : String(fromFlag));
    } catch (error) {
      if (!(error instanceof BadSetting)) throw error;
      problems.push([name, error.message]);
    }
  }
  if (problems.length === 0) problems.push(...problemsBetween(values as Values));
  if (problems.length === 0) return toConfig(values as Values, environment);
  const lines = problems.map(([name, message]) => `--${name} (${variableOf(name)}): ${message}`);
  throw new StartError('usage', lines.join('\n'));
}

const variableOf = (name: string): string => prefix + name.toUpperCase().replaceAll('-', '_');

/** Flags that need no value. */
const switches = new Set(['allow-insecure-transport', 'create-redaction-key']);

function readFlags(args: readonly string[]): Record<string, string | boolean | undefined> {
  const options: Record<string, { readonly type: 'string' | 'boolean'; readonly short?: string }> = {
    help: { type: 'boolean', short: 'h' },
  };
  for (const name of names) options[name] = { type: switches.has(name) ? 'boolean' : 'string' };
  try {
    return { ...parseArgs({ args: [...args], options }).values };
  } catch (cause) {
    throw new StartError('usage', cause instanceof Error ? cause.message : 'the flags cannot be read', { cause });
  }
}

function toConfig(it: Values, environment: Environment): AgentConfig {
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
  const lines = names.map((name) => {
    const [value = '', ...text] = settings[name].help.split('  ');
    const hasValue = text.length > 0;
    return `  ${`--${name}${hasValue ? ` ${value}` : ''}`.padEnd(44)} ${hasValue ? text.join('  ') : value}`;
  });
  const head = 'Usage: node agent/src/main.ts --cluster NAME --collector HOST:PORT --redaction-key-file FILE [flags]';
  return `${head}\n\n${lines.join('\n')}\n\nEach flag can be given as ${prefix}<FLAG> in the environment, too.`;
}
