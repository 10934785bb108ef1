/**
 * A real Kubernetes control plane (etcd, kube-apiserver, kube-controller-manager, optionally scheduler and kwok nodes)
 * on loopback, compiled from Go modules once per version and started by cluster.sh without containers.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { cached, cacheFolder, digestOf } from '../cache.ts';

const here = import.meta.dirname;

/** Path of the multi-call binary; builds it when no build of these sources by this Go is cached (5–10 minutes cold). */
export function buildControlPlane(): string {
  const digest = controlPlaneDigest();
  if (digest === undefined)
    throw new Error('the real suite needs Go to compile the control plane: install Go 1.26 or newer');
  const folder = cached('kubeplane', digest, (target) => {
    console.error('compiling the control plane from Go modules (once per version, 5–10 minutes) …');
    execFileSync(join(here, 'build.sh'), [join(target, 'kubeplane')], { stdio: ['ignore', 'inherit', 'inherit'] });
  });
  return join(folder, 'kubeplane');
}

/** Path of the binary when a build of these sources is cached. */
export function builtControlPlane(): string | undefined {
  const digest = controlPlaneDigest();
  const path = digest === undefined ? undefined : join(cacheFolder('kubeplane', digest), 'kubeplane');
  return path !== undefined && existsSync(path) ? path : undefined;
}

/** Undefined without Go. */
function controlPlaneDigest(): string | undefined {
  const sources = readdirSync(here)
    .filter((name) => /\.go$|^go\.(mod|sum)$|^build\.sh$/.test(name))
    .sort()
    .map((name) => join(here, name));
  const go = spawnSync('go', ['version'], { encoding: 'utf8' });
  return go.status === 0 ? digestOf(sources, go.stdout.trim()) : undefined;
}

export type ControlPlaneOptions = {
  /** none | log | webhook | log,webhook */
  readonly audit?: string;
  readonly auditWebhookUrl?: string;
  /** A kubeconfig that says where the webhook is and how to prove who calls; instead of the URL. */
  readonly auditWebhookConfig?: string;
  readonly auditPolicyFile?: string;
  /** "name:group,group name2": users with a token and without rights. */
  readonly extraUsers?: string;
  readonly fakeNodes?: number;
  readonly apiServerArgs?: string;
};

export type ControlPlane = {
  readonly dir: string;
  readonly kubeconfig: string;
  readonly server: string;
  readonly adminToken: string;
  readonly caFile: string;
  readonly auditLog: string;
  readonly etcd: string;
  /** Token of one of `extraUsers`. */
  tokenOf(user: string): string;
  /** Runs kubectl as admin; throws with its stderr when it fails. */
  kubectl(args: readonly string[], input?: string): string;
  /** Runs kubectl as another user; never throws. */
  kubectlAs(
    user: string,
    args: readonly string[],
    input?: string,
  ): { readonly status: number; readonly stdout: string; readonly stderr: string };
  /** SIGKILL of one component: etcd, apiserver, controller-manager. */
  crash(component: string): void;
  start(component: string): void;
  stop(): void;
};

export function startControlPlane(options: ControlPlaneOptions = {}): ControlPlane {
  const bin = buildControlPlane();
  const dir = mkdtempSync(join(tmpdir(), 'kubeplane-'));
  const script = join(here, 'cluster.sh');
  const up = spawnSync(script, ['up'], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      ...process.env,
      KUBEPLANE_BIN: bin,
      KUBEPLANE_DIR: dir,
      AUDIT: options.audit ?? 'none',
      ...(options.auditWebhookUrl === undefined ? {} : { AUDIT_WEBHOOK_URL: options.auditWebhookUrl }),
      ...(options.auditWebhookConfig === undefined ? {} : { AUDIT_WEBHOOK_CONFIG: options.auditWebhookConfig }),
      ...(options.auditPolicyFile === undefined ? {} : { AUDIT_POLICY: options.auditPolicyFile }),
      EXTRA_USERS: options.extraUsers ?? '',
      FAKE_NODES: String(options.fakeNodes ?? 0),
      APISERVER_ARGS: options.apiServerArgs ?? '',
    },
  });
  if (up.status !== 0) {
    rmSync(dir, { recursive: true, force: true, maxRetries: 10 });
    throw new Error(`the control plane did not start: ${up.stderr}`);
  }
  const variables = Object.fromEntries(
    readFileSync(join(dir, 'env.sh'), 'utf8')
      .split('\n')
      .flatMap((line) => {
        const match = /^export (\w+)=(.*)$/.exec(line);
        return match === null ? [] : [[match[1] ?? '', match[2] ?? '']];
      }),
  ) as Record<string, string>;
  const kubeconfig = join(dir, 'kubeconfig');
  const run = (args: readonly string[], input?: string) => {
    const result = spawnSync(bin, ['kubectl', '--kubeconfig', kubeconfig, ...args], {
      encoding: 'utf8',
      maxBuffer: 256 * 1024 * 1024,
      ...(input === undefined ? {} : { input }),
    });
    return { status: result.status ?? 1, stdout: result.stdout, stderr: result.stderr };
  };
  return {
    dir,
    kubeconfig,
    server: variables.SERVER ?? '',
    adminToken: variables.TOKEN ?? '',
    caFile: variables.CA ?? '',
    auditLog: variables.AUDIT_LOG ?? '',
    etcd: variables.ETCD ?? '',
    tokenOf(user) {
      const config = JSON.parse(readFileSync(kubeconfig, 'utf8')) as {
        users: readonly { name: string; user: { token?: string } }[];
      };
      const token = config.users.find((entry) => entry.name === user)?.user.token;
      if (token === undefined) throw new Error(`the control plane has no user '${user}'`);
      return token;
    },
    kubectl(args, input) {
      const result = run(args, input);
      if (result.status !== 0) throw new Error(`kubectl ${args.join(' ')}: ${result.stderr}`);
      return result.stdout;
    },
    kubectlAs: (user, args, input) => run(['--context', user, ...args], input),
    crash(component) {
      process.kill(Number(readFileSync(join(dir, 'run', `${component}.pid`), 'utf8')), 'SIGKILL');
    },
    start(component) {
      execFileSync(script, ['start', dir, component], { stdio: ['ignore', 'ignore', 'inherit'] });
    },
    stop() {
      spawnSync(script, ['down', dir], { stdio: 'ignore' });
      rmSync(dir, { recursive: true, force: true, maxRetries: 10 });
    },
  };
}
