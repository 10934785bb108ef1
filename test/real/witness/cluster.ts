/** A real cluster under the witness's eye from its first revision on. */
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ContractCluster } from '../../contract/kube-client.ts';
import { freePort } from '../../fakes/embedded/process.ts';
import { startControlPlane } from '../control-plane/control-plane.ts';
import type { ControlPlane } from '../control-plane/control-plane.ts';
import { discover, nameOf, watchable } from '../discover.ts';
import type { Served } from '../discover.ts';
import { AuditLog } from '../flow/audit-log.ts';
import { loggedEvent } from './audit-account.ts';
import { AuditRelay } from './audit-relay.ts';
import type { LoggedEvent } from './check-audit.ts';
import { webhookBackoffMs } from './effects-of-audit.ts';
import type { TimesOfRevisions } from './effects.ts';
import { EtcdWitness } from './etcd.ts';
import { History } from './history.ts';
import type { WatchedKind } from './history.ts';
import { KubeWriter } from './kube-writer.ts';
import { agentUser } from './system.ts';

export type WitnessedCluster = TimesOfRevisions & {
  readonly control: ControlPlane;
  readonly etcd: EtcdWitness;
  readonly history: History;
  readonly redactionKey: Buffer;
  /** What the API server can still tell of the past after it has started anew: with a watch cache, nothing. */
  readonly hasWatchCache: boolean;
  /** Carries the API server's audit batches. */
  readonly auditRelay: AuditRelay;
  /** Every event of the API server's own audit log so far. */
  audited(): readonly LoggedEvent[];
  writer(): KubeWriter;
  /** The API server as one of `people` sees it. */
  as(person: string): ContractCluster;
  close(): Promise<void>;
};

/** Stored by the API server for itself, or left out by the agent's default: the agent's README names the latter. */
const unwatchedKinds = ['/RangeAllocation', '/Event', 'events.k8s.io/Event', '/Endpoints'];
const unwatchedByDefault = ['coordination.k8s.io/Lease', 'discovery.k8s.io/EndpointSlice'];

/** They may do everything. */
export const people = ['ann', 'bea', 'carl'];
const auditPolicyFile = join(import.meta.dirname, '../../../deploy/audit/policy.yaml');

const reader = {
  role: {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'ClusterRole',
    metadata: { name: 'witnessed-agent' },
    rules: [
      { apiGroups: ['*'], resources: ['*'], verbs: ['get', 'list', 'watch'] },
      // How many audit events the API server has dropped.
      { nonResourceURLs: ['/metrics'], verbs: ['get'] },
    ],
  },
  binding: {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'ClusterRoleBinding',
    metadata: { name: 'witnessed-agent' },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'witnessed-agent' },
    subjects: [{ kind: 'User', name: agentUser, apiGroup: 'rbac.authorization.k8s.io' }],
  },
};

export async function openWitnessedCluster(options: { readonly hasWatchCache: boolean }): Promise<WitnessedCluster> {
  const { hasWatchCache } = options;
  const relayPort = await freePort();
  const auditRelay = await AuditRelay.listen(relayPort);
  const control = startControlPlane({
    fakeNodes: 3,
    extraUsers: [`${agentUser}:agents`, ...people.map((person) => `${person}:system:masters`)].join(' '),
    audit: 'log,webhook',
    auditPolicyFile,
    auditWebhookUrl: `http://127.0.0.1:${relayPort}/`,
    // JSON at rest, so that the witness reads it without anybody's decoder.
    // Nothing is compacted but by a fault.
    apiServerArgs: `--storage-media-type=application/json --watch-cache=${hasWatchCache} --etcd-compaction-interval=0 --audit-webhook-initial-backoff=${webhookBackoffMs}ms`,
  });
  const ca = readFileSync(control.caFile, 'utf8');
  const redactionKey = randomBytes(32);
  for (const object of [reader.role, reader.binding]) control.kubectl(['create', '-f', '-'], JSON.stringify(object));
  const admin = { url: control.server, token: control.adminToken, ca, close: async () => {} };
  const history = new History({ ...(await kindsOf(admin)), redactionKey });
  const samples: { readonly timeMs: number; readonly revision: number }[] = [];
  const etcd = new EtcdWitness(control.etcd, (event) => {
    samples.push({ timeMs: performance.now(), revision: event.revision });
    history.take(event);
  });
  const auditLog = new AuditLog(control.auditLog);
  const events: LoggedEvent[] = [];
  etcd.start();
  await etcd.caughtUp();
  return {
    control,
    etcd,
    history,
    redactionKey,
    hasWatchCache,
    revisionAt: (timeMs) => samples.findLast((sample) => sample.timeMs <= timeMs)?.revision ?? 0,
    timeOf: (revision) => samples.find((sample) => sample.revision >= revision)?.timeMs ?? performance.now(),
    auditRelay,
    audited() {
      for (const event of auditLog.next()) events.push(loggedEvent(event));
      return events;
    },
    as: (person) => ({ url: control.server, token: control.tokenOf(person), ca, close: async () => {} }),
    writer: () => new KubeWriter({ server: control.server, token: control.adminToken, ca }),
    async close() {
      await etcd.close();
      control.stop();
      await auditRelay.close();
    },
  };
}

async function kindsOf(admin: ContractCluster): Promise<{
  readonly watched: ReadonlyMap<string, WatchedKind>;
  readonly unwatched: ReadonlySet<string>;
}> {
  const idOf = ({ group, kind }: Served): string => `${group}/${kind}`;
  const watched = watchable(await discover(admin)).map((kind): [string, WatchedKind] => [
    idOf(kind),
    {
      kindName: nameOf(kind),
      servedVersion: kind.group === '' ? kind.version : `${kind.group}/${kind.version}`,
    },
  ]);
  return { watched: new Map(watched), unwatched: new Set([...unwatchedKinds, ...unwatchedByDefault]) };
}
