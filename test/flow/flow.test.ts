/**
 * The flow, from the API server to the answer: every story of the practice cluster is played and taken back, and the
 * timeline is asked what changed, who did it, whose hand that was, what approval it carries and what it broke. What a
 * story opens, taking it back resolves; and in the end the timeline replays to exactly what the API server has.
 */
import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { ApiChange, ApiFinding, ApiPage } from '@driftline/proto';
import { createApiClient } from '../../cli/src/api-client.ts';
import { loadPolicies } from '../../cli/src/command/policies.ts';
import type { Comparison } from '../../cli/src/replay/compare-findings.ts';
import { readRecording } from '../../cli/src/replay/recording.ts';
import { replay, type ReplayedCluster } from '../../cli/src/replay/replay.ts';
import { type EmbeddedSystem, openEmbeddedSystem, readerToken } from '../fakes/embedded-system.ts';
import { currentOf } from '../fakes/embedded/truth.ts';

let system: EmbeddedSystem;
before(async () => {
  system = await openEmbeddedSystem({ cluster: { world: 'company', controllers: true } });
});
after(() => system.close());

/** What one step of a story must be told as. */
type Told = {
  /** `<op> <Kind> <namespace>/<name>` */
  readonly what: string;
  readonly fields?: readonly string[];
  readonly who: string;
  readonly confidence: ApiChange['who']['confidence'];
  readonly origin: ApiChange['origin']['kind'];
  /** `<type> <value>`; values that are made up are left out. */
  readonly approval?: readonly string[];
  /** `<state> <control> <Kind>/<name>`, at least these. */
  readonly findings?: readonly string[];
  /** `<state> <control> <user>`, exactly these: what is said of the change, by whom it is taken to be asked for. */
  readonly verdicts?: readonly string[];
};

const argo = 'system:serviceaccount:argocd:argocd-application-controller';
const byAlice = { who: 'alice@example.com', confidence: 'exact', origin: 'human' } as const;
const byCarol = { who: 'carol@example.com', confidence: 'exact', origin: 'human' } as const;
const byArgo = { who: argo, confidence: 'exact', origin: 'gitops' } as const;

const stories: Readonly<Record<string, readonly Told[]>> = {
  'hotfix-role-binding': [
    {
      what: 'modified RoleBinding shop/shop-developers',
      fields: ['subjects[name=system:authenticated]'],
      ...byAlice,
      // Whoever does it: the binding is widened.
      verdicts: ['fail DL-CHG-003'],
    },
    {
      what: 'modified Deployment shop/checkout',
      fields: ['spec.replicas'],
      ...byAlice,
      // Git declares it, and it was not the GitOps controller who changed it.
      verdicts: ['fail DL-CHG-001 alice@example.com'],
    },
  ],
  'gitops-rollout': [
    { what: 'modified Application argocd/shop', ...byArgo, approval: ['gitops-revision'] },
    {
      what: 'modified Deployment shop/frontend',
      fields: ['spec.template.spec.containers[name=frontend].image'],
      ...byArgo,
      approval: ['gitops-application shop'],
    },
  ],
  'debug-pod': [
    {
      what: 'created Pod internal-tools/debug-carol',
      ...byCarol,
      findings: [
        'opened DL-POD-001 Pod/debug-carol',
        'opened DL-POD-002 Pod/debug-carol',
        'opened DL-POD-003 Pod/debug-carol',
        'opened DL-IMG-002 Pod/debug-carol',
      ],
    },
    // A binding answers with a Status: such a link can only be probable.
    {
      what: 'modified Pod internal-tools/debug-carol',
      fields: ['spec.nodeName'],
      who: 'system:kube-scheduler',
      confidence: 'probable',
      origin: 'controller',
    },
  ],
  'pipeline-deploy': [
    {
      what: 'modified Deployment internal-tools/report-runner',
      who: 'system:serviceaccount:ci:deployer',
      confidence: 'exact',
      origin: 'pipeline',
      approval: ['change-reference CHG-1042', 'change-cause'],
    },
  ],
  'open-ingress': [
    {
      what: 'created Ingress internal-tools/admin-panel',
      ...byAlice,
      // Only a relation control sees the second: the Deployment itself was not touched.
      findings: ['opened DL-NET-003 Ingress/admin-panel', 'opened DL-NET-002 Deployment/admin-panel'],
    },
  ],
  'helm-upgrade': [
    {
      what: 'modified Deployment data/events-collector',
      who: 'dave@example.com',
      confidence: 'exact',
      origin: 'human',
      approval: ['helm-release data/data-platform (data-platform-1.5.0)'],
    },
    // The audit policy keeps bodies of Secrets out of the log: such a link can only be probable.
    {
      what: 'created Secret data/sh.helm.release.v1.data-platform.v2',
      who: 'dave@example.com',
      confidence: 'probable',
      origin: 'human',
    },
  ],
  'pasted-secret': [
    {
      what: 'modified Deployment shop/cart',
      who: 'bob@example.com',
      confidence: 'exact',
      origin: 'human',
      findings: ['opened DL-SEC-001 Deployment/cart'],
      verdicts: ['fail DL-CHG-001 bob@example.com'],
    },
  ],
  'permission-creep': [
    {
      what: 'modified ClusterRole /support-read-pods',
      fields: ['rules[1]'],
      ...byAlice,
      verdicts: ['fail DL-CHG-002'],
    },
    {
      what: 'modified ClusterRole /support-read-pods',
      fields: ['rules[2]'],
      ...byCarol,
      findings: ['opened DL-RBAC-008 ClusterRole/support-read-pods'],
      verdicts: ['fail DL-CHG-002'],
    },
    {
      what: 'modified ClusterRole /support-read-pods',
      fields: ['rules[3]'],
      ...byAlice,
      verdicts: ['fail DL-CHG-002'],
    },
    {
      what: 'modified ClusterRole /support-read-pods',
      fields: ['rules[4]'],
      ...byCarol,
      // The role changed; the binding that uses it is what became dangerous.
      findings: ['opened DL-RBAC-003 ClusterRoleBinding/support'],
      verdicts: ['fail DL-CHG-002'],
    },
    {
      what: 'created ClusterRoleBinding /support-migration',
      ...byAlice,
      findings: ['opened DL-RBAC-001 ClusterRoleBinding/support-migration'],
    },
  ],
};

/** Plays or takes back, waits until it is recorded, and answers with the changes since, oldest first. */
async function changesOf(run: () => readonly { readonly error?: string }[]): Promise<readonly ApiChange[]> {
  const [newest] = (await system.get<ApiPage<ApiChange>>('log?limit=1')).items;
  const since = newest?.observedAt ?? '';
  for (const step of run()) assert.equal(step.error, undefined);
  await system.settled();
  const items = await system.all<ApiChange>(`log?since=${encodeURIComponent(since)}`);
  return items.filter(({ id }) => id !== newest?.id).toReversed();
}

const nameOf = ({ op, object }: ApiChange): string => `${op} ${object.kind} ${object.namespace}/${object.name}`;
const findingOf = ({ state, control, object }: ApiChange['findings'][number]): string =>
  `${state} ${control} ${object.kind}/${object.name}`;
const openFindings = async (): Promise<string[]> =>
  (await system.all<ApiFinding>('findings'))
    .filter(({ object }) => object.kind !== 'Pod' || object.name === 'debug-carol')
    .map(({ control, object, path }) => `${control} ${object.kind} ${object.namespace}/${object.name} ${path}`)
    .sort();

/** The first change from `from` on that is told as wanted. */
function find(changes: readonly ApiChange[], told: Told, from: number): number {
  const matches = (change: ApiChange): boolean =>
    nameOf(change) === told.what &&
    change.who.user === told.who &&
    (told.fields ?? []).every((path) => change.fields.some((field) => field.path === path));
  const at = changes.findIndex((change, index) => index >= from && matches(change));
  assert.notEqual(at, -1, `${told.what} by ${told.who}: not among\n${changes.map(nameOf).join('\n')}`);
  return at;
}

test('first sight takes nothing back: what is not there yet is not judged as absent', async () => {
  assert.deepEqual(await system.timeline.listing(), []);
  const transitions = await system.timeline.transitions();
  assert.ok(transitions.length > 50, `${transitions.length} transitions`);
  const resolved = transitions.filter(
    ({ state, reason }) => state === 'resolved' && reason !== 'the object was deleted',
  );
  assert.deepEqual(
    resolved.map(({ control, kind, name, reason }) => `${control} ${kind}/${name}: ${reason}`),
    [],
  );
});

describe('every story is told as it happened', () => {
  /** What is open between two stories: what the last one left is what the next one finds. */
  let before: readonly string[] | undefined;

  test('there is an expectation for every story', () => {
    const names = system.cluster.stories.list().map((story) => story.name);
    assert.deepEqual(Object.keys(stories).sort(), names.sort());
  });

  for (const [name, expected] of Object.entries(stories)) {
    test(name, async () => {
      before ??= await openFindings();
      const changes = await changesOf(() => system.cluster.stories.play(name));
      const next = new Map<string, number>();
      for (const told of expected) {
        const at = find(changes, told, next.get(told.what) ?? 0);
        next.set(told.what, at + 1);
        const change = changes[at]!;
        assert.equal(change.who.confidence, told.confidence, told.what);
        assert.equal(change.origin.kind, told.origin, change.origin.evidence);
        const approvals = change.approval.map(({ type, value }) => `${type} ${value}`);
        for (const wanted of told.approval ?? [])
          assert.ok(
            approvals.some((each) => each.startsWith(wanted)),
            `${wanted} is not in ${approvals.join()}`,
          );
        const findings = change.findings.map(findingOf);
        for (const wanted of told.findings ?? []) assert.ok(findings.includes(wanted), `${wanted}: ${findings.join()}`);
        const verdicts = change.verdicts.map(({ state, control, user }) => `${state} ${control} ${user}`.trim());
        assert.deepEqual(verdicts, told.verdicts ?? [], told.what);
      }
      const opened = changes.flatMap(({ findings }) => findings).filter(({ state }) => state === 'opened');
      const wanted = expected.flatMap(({ findings = [] }) => findings).length;
      assert.ok(opened.length >= wanted);

      await changesOf(() => system.cluster.stories.undo(name));
      assert.deepEqual(await openFindings(), before, 'taken back, it leaves no finding');
    });
  }

  test('a pasted secret is told as changed, and nowhere as what it was', async () => {
    const [change] = (await system.all<ApiChange>('log?kind=deployments&name=cart&user=bob@example.com')).toReversed();
    const text = JSON.stringify(change?.fields);
    assert.match(text, /redacted\(password\):[\w-]{22}/);
    assert.match(text, /redacted\(aws-access-key-id\):[\w-]{22}/);
    assert.doesNotMatch(text, /practice-only-hunter2/);
  });

  test('what violates a control about changes is told with its change', async () => {
    const run = await system.cli('log', 'rolebindings', '--violated', '--limit', '1');
    assert.equal(run.code, 0, run.err);
    assert.match(
      run.out,
      /^ {2}policy {3}violates high DL-CHG-003 Subjects must not be added .* by alice@example\.com {2}adds Group system:authenticated to ClusterRole edit/m,
    );
  });

  test('what was denied or only looked at is recorded, and explains no change', async () => {
    const audits = await system.timeline.ask<{ user: string; verb: string; subresource: string }>(
      "SELECT user, verb, subresource FROM audit_events WHERE name = 'debug-carol' AND (code >= 400 OR subresource = 'exec')",
    );
    assert.deepEqual(audits.map(({ user, verb, subresource }) => `${user} ${verb} ${subresource}`.trim()).sort(), [
      'bob@example.com delete',
      'carol@example.com get exec',
    ]);
    assert.deepEqual(await system.all(`log?name=debug-carol&user=${encodeURIComponent('bob@example.com')}`), []);
  });
});

async function replayed(...args: readonly string[]) {
  const run = await system.cli('policy', 'replay', ...args, '-o', 'json');
  assert.equal(run.code, 0, run.err);
  const [cluster] = (
    JSON.parse(run.out) as {
      readonly items: readonly (Pick<Comparison, 'differences'> & Pick<ReplayedCluster, 'otherControls'>)[];
    }
  ).items;
  assert.ok(cluster !== undefined);
  return cluster;
}

const debugPods = `apiVersion: driftline.dev/v1
kind: Control
id: OWN-001
title: Pods must not be called debug
severity: high
weight: 1
category: governance
rationale: They are forgotten.
remediation: { summary: Delete it., fields: [metadata.name], impact: none }
references: [https://example.org]
frameworks: {}
match: { kinds: [{ group: '', kind: Pod }] }
cel:
  validations:
    - { path: metadata.name, expression: "!object.metadata.name.startsWith('debug-')", message: it is one for debugging }
cases:
  - { name: other, expect: pass, objects: [{ apiVersion: v1, kind: Pod, metadata: { name: web } }] }
  - { name: debug, expect: fail, objects: [{ apiVersion: v1, kind: Pod, metadata: { name: debug-a } }] }
`;

describe('after all of it', () => {
  test('replay(timeline) = inventory = what the API server has', async () => {
    await system.settled();
    const truth = currentOf(system.truth.history);
    assert.deepEqual([...currentOf(await system.timeline.history())], [...truth]);
    const inventory = new Map<string, string>();
    for (const memory of system.collector?.parts.pipeline?.memories() ?? []) {
      for (const key of memory.inventory.keys()) {
        const { group, resource, namespace, name } = memory.inventory.get(key)!.ref;
        const kind = group === '' ? resource : `${resource}.${group}`;
        inventory.set(`${kind} ${namespace}/${name}`, memory.inventory.text(key) ?? '');
      }
    }
    assert.deepEqual(inventory, truth);
  });

  test('every version once and in order, no gap, nothing rejected, the chain intact', async () => {
    const told = await system.wholeHistory();
    for (const [key, forms] of system.truth.history) assert.deepEqual(told.get(key), forms, key);
    assert.deepEqual(await system.timeline.gaps(), []);
    assert.deepEqual(await system.timeline.rejected(), []);
    assert.deepEqual(await system.timeline.duplicates(), []);
    const chain = await system.timeline.verify('practice');
    assert.equal(chain.verdict, 'intact', JSON.stringify(chain));
  });

  test('judged again by the same policies, the timeline says what was recorded: all of it, and from the middle on', async () => {
    const api = createApiClient({ url: system.apiUrl, token: readerToken });
    const bundle = await loadPolicies({ folders: [], withLibrary: true });
    const changes = await system.all<ApiChange>('log');
    const until = new Date().toISOString();
    const failed = ({ observedAt, verdicts }: ApiChange, since: string | null): number =>
      since === null || observedAt > since ? verdicts.filter(({ state }) => state === 'fail').length : 0;
    for (const since of [null, changes[Math.floor(changes.length / 2)]?.observedAt ?? '']) {
      const [again, ...others] = await Array.fromAsync(
        replay(readRecording(api, 'practice', { since, until }), bundle),
      );
      assert.equal(others.length, 0);
      assert.deepEqual(again?.comparison.differences, []);
      assert.ok(again.comparison.same >= 100, String(again.comparison.same));
      assert.deepEqual([again.otherControls, again.gaps], [[], 0]);
      assert.deepEqual(again.changes.differences, []);
      const recorded = changes.reduce((sum, change) => sum + failed(change, since), 0);
      assert.equal(again.changes.same, recorded);
      assert.ok(recorded > 0, 'changes that failed');
    }
  });

  test('of other policies it says what they would have found when; what was read can be judged again without a collector', async () => {
    const folder = join(system.folder, 'candidate');
    await mkdir(folder);
    await writeFile(join(folder, 'own.yaml'), debugPods);
    const saved = join(system.folder, 'all.jsonl');
    const { differences, otherControls } = await replayed(folder, '--save', saved);
    const [found, ...more] = differences;
    const carol = (await system.all<ApiChange>('log?kind=pods&name=debug-carol')).toReversed();
    assert.deepEqual([found?.verdict, found?.finding.object.name, more.length], ['new', 'debug-carol', 0]);
    assert.equal(found?.candidate?.openedBy, carol[0]?.id);
    assert.equal(found?.candidate?.openedAt, carol[0]?.observedAt);
    assert.equal(found?.candidate?.resolvedAt, carol.at(-1)?.observedAt);
    assert.ok(otherControls.includes('DL-POD-001'));
    const offline = (...gate: readonly string[]) => system.cli('policy', 'replay', folder, '--from', saved, ...gate);
    assert.equal((await offline('--fail-on', 'critical')).code, 0);
    const stopped = await offline('--fail-on', 'high');
    assert.equal(stopped.code, 1);
    assert.match(stopped.out, /^new +high +OWN-001 +Pod internal-tools\/debug-carol +metadata\.name /m);
  });

  test('the agent only ever read', async () => {
    const verbs = await system.timeline.ask<{ verb: string }>(
      "SELECT DISTINCT verb FROM audit_events WHERE user LIKE '%driftline-agent'",
    );
    assert.deepEqual(
      verbs.filter(({ verb }) => !['get', 'list', 'watch'].includes(verb)),
      [],
    );
  });
});
