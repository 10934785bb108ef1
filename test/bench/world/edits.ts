/**
 * What happens in a cluster on a working day, as shares: roll-outs most of all, then scaling, settings, labels, and now
 * and then access, exposure, and isolation. Some edits open findings, the next one on the same object resolves them.
 */
import { isJsonArray, isJsonObject } from '@driftline/proto';
import type { Json, JsonObject } from '@driftline/proto';
import { touchedBy } from './managed-fields.ts';
import { kinds } from './objects.ts';
import type { WorldKind, WorldObject } from './objects.ts';
import type { Random } from './random.ts';

type Edit = {
  readonly kind: WorldKind;
  readonly share: number;
  readonly manager: string;
  readonly apply: (object: JsonObject, random: Random) => JsonObject;
};

/** The value with what stands at `path` replaced; a number is an index, missing members are made. */
function changed(
  value: Json | undefined,
  path: readonly (string | number)[],
  change: (old: Json | undefined) => Json,
): Json {
  const [step, ...rest] = path;
  if (step === undefined) return change(value);
  if (typeof step === 'number')
    return isJsonArray(value) ? value.map((item, i) => (i === step ? changed(item, rest, change) : item)) : [];
  const members = isJsonObject(value) ? value : {};
  return { ...members, [step]: changed(members[step], rest, change) };
}

const edit =
  (...path: readonly (string | number)[]) =>
  (change: (old: Json | undefined, random: Random) => Json) =>
  (object: JsonObject, random: Random): JsonObject =>
    changed(object, path, (old) => change(old, random)) as JsonObject;

const container = ['spec', 'template', 'spec', 'containers', 0] as const;

const rollOut = (object: JsonObject, random: Random): JsonObject => {
  const image = edit(...container, 'image')((_, random) => `registry.example.com/shop/app@sha256:${random.hex(64)}`)(
    object,
    random,
  );
  return edit('metadata', 'annotations', 'deployment.kubernetes.io/revision')((old) => String(Number(old) + 1))(
    image,
    random,
  );
};

const toggled =
  <T extends Json>(a: T, b: T) =>
  (old: Json | undefined): Json =>
    JSON.stringify(old) === JSON.stringify(a) ? b : a;

/** Of 1 to 20, never the old one. */
const otherCount = (old: Json | undefined, random: Random): number => 1 + ((Number(old) + random.below(19)) % 20);

export const edits: readonly Edit[] = [
  { kind: kinds.deployment, share: 30, manager: 'argocd-controller', apply: rollOut },
  {
    kind: kinds.deployment,
    share: 12,
    manager: 'horizontal-pod-autoscaler',
    apply: edit('spec', 'replicas')(otherCount),
  },
  {
    kind: kinds.deployment,
    share: 5,
    manager: 'kubectl-edit',
    apply: edit(...container, 'securityContext', 'privileged')(toggled(true, false)),
  },
  {
    kind: kinds.pod,
    share: 18,
    manager: 'kubelet',
    apply: edit('status', 'containerStatuses', 0, 'imageID')((_, random) => `sha256:${random.hex(64)}`),
  },
  {
    kind: kinds.configMap,
    share: 12,
    manager: 'argocd-controller',
    apply: edit('data', 'setting-3.properties')((_, random) => `level=${random.below(5)}\nname=${random.hex(8)}`),
  },
  {
    kind: kinds.replicaSet,
    share: 8,
    manager: 'kube-controller-manager',
    apply: edit('spec', 'replicas')(otherCount),
  },
  {
    kind: kinds.service,
    share: 4,
    manager: 'kubectl-edit',
    apply: edit('spec', 'type')(toggled('LoadBalancer', 'ClusterIP')),
  },
  {
    kind: kinds.roleBinding,
    share: 3,
    manager: 'kubectl-edit',
    apply: edit('subjects', 0, 'name')(toggled('system:authenticated', 'team-shop')),
  },
  {
    kind: kinds.role,
    share: 2,
    manager: 'kubectl-edit',
    apply: edit('rules', 0, 'verbs')(toggled<Json>(['*'], ['get', 'list', 'watch'])),
  },
  {
    kind: kinds.ingress,
    share: 3,
    manager: 'helm',
    apply: edit('spec', 'tls')(toggled<Json>([], [{ hosts: ['shop.example.com'], secretName: 'shop-tls' }])),
  },
  {
    kind: kinds.networkPolicy,
    share: 2,
    manager: 'kubectl-edit',
    apply: edit('spec', 'policyTypes')(toggled<Json>(['Egress'], ['Ingress'])),
  },
  {
    kind: kinds.namespace,
    share: 1,
    manager: 'kubectl-label',
    apply: edit('metadata', 'labels', 'pod-security.kubernetes.io/enforce')(toggled('restricted', 'privileged')),
  },
];

/** Objects that change over time. `next` edits one of them and keeps the result. */
export type LivingWorld = { readonly objects: readonly WorldObject[]; next(): { index: number; after: WorldObject } };

export function livingWorld(
  initial: readonly WorldObject[],
  random: Random,
  startSeconds = 1_767_700_000,
): LivingWorld {
  const objects = [...initial];
  const byKind = new Map<WorldKind, number[]>();
  for (const [index, { kind }] of objects.entries()) append(byKind, kind, index);
  const possible = edits.filter(({ kind }) => byKind.has(kind));
  const shares = possible.reduce((sum, { share }) => sum + share, 0);
  let version = 1_000;
  const choose = (): Edit => {
    let at = random.next() * shares;
    const chosen = possible.find(({ share }) => (at -= share) < 0) ?? possible[0];
    if (chosen === undefined) throw new Error('no object of the world can be edited');
    return chosen;
  };
  return {
    objects,
    next() {
      const { kind, manager, apply } = choose();
      const index = random.pick(byKind.get(kind) ?? []);
      const before = objects[index];
      if (before === undefined) throw new RangeError('no such object');
      version += 1;
      const edited = touchedBy(apply(before.object, random), manager, startSeconds + Math.floor(version / 50));
      const object = {
        ...edited,
        metadata: { ...(edited['metadata'] as JsonObject), resourceVersion: String(version) },
      };
      const after = { kind, object };
      objects[index] = after;
      return { index, after };
    },
  };
}

function append(lists: Map<WorldKind, number[]>, kind: WorldKind, index: number): void {
  const list = lists.get(kind);
  if (list === undefined) lists.set(kind, [index]);
  else list.push(index);
}
