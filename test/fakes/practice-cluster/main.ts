import { readFileSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { createPracticeClock, systemClock } from './clock.ts';
import { openPracticeCluster, type PracticeClusterOptions } from './practice-cluster.ts';

const usage = `Usage: practice-cluster [flags]
  --port N                  port on 127.0.0.1 (default: a free one)
  --state-dir DIR           keep the state here from one start to the next
  --world bare|company      what the cluster holds at first (default: company)
  --audit-webhook URL       POST audit events here, in batches
  --audit-webhook-ca FILE   authority of an https receiver
  --audit-webhook-token-file FILE  bearer token for the receiver
  --audit-log FILE          append audit events here, as JSON lines
  --token TOKEN             fixed bearer token of 'admin' (default: a generated one)
  --tls-cert FILE, --tls-key FILE  serve HTTPS with this certificate (default: one made for the occasion)
  --http                    serve plain HTTP (kubectl then sends no tokens)
  --kubeconfig FILE         write the admin's kubeconfig here
  --heartbeat DURATION      leases and node conditions change this often (default: 10s; 0 for never)
  --watch-window N          changes kept for each kind (default: 1000)
  --stories loop|NAME       play stories in turn, or one once
  --pace DURATION           time between steps of the loop (default: 20s)
  --clock-rate N            run the cluster's clock this many times as fast (default: 1)
  --help
Durations: 500ms, 20s, 5m. Stories while it runs: GET /practice/stories, POST or DELETE /practice/stories/NAME.`;

const fail = (message: string): never => {
  process.stderr.write(`practice-cluster: ${message}\n`);
  process.exit(2);
};

const durationMs = (text: string): number => {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m)?$/.exec(text);
  if (match === null) return fail(`'${text}' is not a duration such as 20s`);
  return Number(match[1]) * ({ ms: 1, s: 1000, m: 60_000 }[match[2] ?? 's'] ?? 1000);
};

const wholeNumber = (name: string, text: string): number =>
  /^\d{1,9}$/.test(text) ? Number(text) : fail(`--${name}: '${text}' is not a whole number`);

const text = { type: 'string' } as const;
const flags = {
  port: { ...text, default: '0' },
  'state-dir': text,
  world: { ...text, default: 'company' },
  'audit-webhook': text,
  'audit-webhook-ca': text,
  'audit-webhook-token-file': text,
  'audit-log': text,
  token: text,
  'tls-cert': text,
  'tls-key': text,
  http: { type: 'boolean', default: false },
  kubeconfig: text,
  heartbeat: { ...text, default: '10s' },
  'watch-window': { ...text, default: '1000' },
  stories: text,
  pace: { ...text, default: '20s' },
  'clock-rate': { ...text, default: '1' },
  help: { type: 'boolean', default: false },
} as const;

const parse = () => {
  try {
    return parseArgs({ options: flags }).values;
  } catch (error) {
    return fail(`${error instanceof Error ? error.message : String(error)}\n${usage}`);
  }
};

const values = parse();
if (values.help) {
  process.stdout.write(`${usage}\n`);
  process.exit(0);
}

const webhookOf = (): NonNullable<PracticeClusterOptions['audit']>['webhook'] => {
  if (values['audit-webhook'] === undefined) return undefined;
  const ca = values['audit-webhook-ca'];
  const token = values['audit-webhook-token-file'];
  return {
    url: values['audit-webhook'],
    ...(ca === undefined ? {} : { ca: readFileSync(ca, 'utf8') }),
    ...(token === undefined ? {} : { bearerToken: readFileSync(token, 'utf8').trim() }),
  };
};

const tlsOf = (): NonNullable<PracticeClusterOptions['tls']> => {
  const { 'tls-cert': cert, 'tls-key': key } = values;
  return cert === undefined || key === undefined
    ? 'generated'
    : { cert: readFileSync(cert, 'utf8'), key: readFileSync(key, 'utf8') };
};

const { world, stories } = values;
if (world !== 'bare' && world !== 'company') fail(`--world: there is 'bare' and 'company'`);
const webhook = webhookOf();
const cluster = await openPracticeCluster({
  port: wholeNumber('port', values.port),
  world: world === 'bare' ? 'bare' : 'company',
  heartbeatIntervalMs: durationMs(values.heartbeat),
  watchWindowChanges: wholeNumber('watch-window', values['watch-window']),
  clock:
    values['clock-rate'] === '1'
      ? systemClock
      : createPracticeClock({ rate: wholeNumber('clock-rate', values['clock-rate']) }),
  audit: {
    ...(webhook === undefined ? {} : { webhook }),
    ...(values['audit-log'] === undefined ? {} : { logFile: values['audit-log'] }),
  },
  ...(values['state-dir'] === undefined ? {} : { stateDir: values['state-dir'] }),
  ...(values.token === undefined ? {} : { tokens: { [values.token]: { user: 'admin', groups: ['system:masters'] } } }),
  ...(values.http ? {} : { tls: tlsOf() }),
}).catch((error: unknown) => fail(error instanceof Error ? error.message : String(error)));

if (values.kubeconfig !== undefined) writeFileSync(values.kubeconfig, cluster.kubeconfigFor('admin'), { mode: 0o600 });
process.stdout.write(
  `${JSON.stringify({ ready: true, url: cluster.url, token: values.token ?? cluster.adminToken, ...(cluster.ca === undefined ? {} : { ca: cluster.ca }), ...(values.kubeconfig === undefined ? {} : { kubeconfig: values.kubeconfig }), stories: cluster.stories.list().map((story) => story.name) })}\n`,
);

const say = (run: { story: string; step: string; error?: string }) => process.stderr.write(`${JSON.stringify(run)}\n`);
if (stories === 'loop') cluster.stories.startLoop(durationMs(values.pace), say);
else if (stories !== undefined) cluster.stories.play(stories).forEach(say);

let isStopping = false;
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => {
    if (isStopping) return;
    isStopping = true;
    void cluster.stop().then(() => process.exit(0));
  });
}
