/** Kinds as people type them: `deploy`, `deployments`, `Deployment`, `deployments.apps`. */

export type KindName = { readonly group: string; readonly kind: string; readonly resource: string };

/** Short names of the built-in kinds, as `kubectl api-resources` lists them. */
const shortNames: Readonly<Record<string, string>> = {
  cm: 'configmaps',
  cs: 'componentstatuses',
  csr: 'certificatesigningrequests',
  cj: 'cronjobs',
  crd: 'customresourcedefinitions',
  crds: 'customresourcedefinitions',
  deploy: 'deployments',
  ds: 'daemonsets',
  ep: 'endpoints',
  ev: 'events',
  gtw: 'gateways',
  hpa: 'horizontalpodautoscalers',
  ing: 'ingresses',
  limits: 'limitranges',
  netpol: 'networkpolicies',
  no: 'nodes',
  ns: 'namespaces',
  pc: 'priorityclasses',
  pdb: 'poddisruptionbudgets',
  po: 'pods',
  pv: 'persistentvolumes',
  pvc: 'persistentvolumeclaims',
  quota: 'resourcequotas',
  rc: 'replicationcontrollers',
  rs: 'replicasets',
  sa: 'serviceaccounts',
  sc: 'storageclasses',
  sts: 'statefulsets',
  svc: 'services',
};

export type KindResolution =
  | { readonly ok: true; readonly kind: KindName }
  | { readonly ok: false; readonly reason: 'unknown' | 'ambiguous'; readonly candidates: readonly KindName[] };

/**
 * The kind that `input` names among those known: short name, plural, kind (any case), or any of them with a group
 * (`deployments.apps`, `gateways.gateway.networking.k8s.io`; a prefix of the group is enough). Of several groups that
 * serve one name, core and then the built-in ones win, as kubectl has it; among others the caller has to say which.
 */
export function resolveKind(input: string, known: readonly KindName[]): KindResolution {
  const text = input.trim().toLowerCase();
  const dot = text.indexOf('.');
  const name = dot === -1 ? text : text.slice(0, dot);
  const group = dot === -1 ? undefined : text.slice(dot + 1);
  const plural = Object.hasOwn(shortNames, name) ? shortNames[name] : undefined;
  const named = known.filter((kind) => {
    const resource = kind.resource.toLowerCase();
    return resource === name || kind.kind.toLowerCase() === name || resource === plural;
  });
  const candidates = unique(group === undefined ? named : named.filter((kind) => inGroup(kind.group, group)));
  const best = group === undefined ? preferred(candidates) : candidates;
  const [first, ...others] = best;
  if (first === undefined) return { ok: false, reason: 'unknown', candidates: [] };
  return others.length === 0 ? { ok: true, kind: first } : { ok: false, reason: 'ambiguous', candidates: best };
}

function inGroup(group: string, wanted: string): boolean {
  return group === wanted || group.startsWith(`${wanted}.`);
}

function unique(kinds: readonly KindName[]): readonly KindName[] {
  const seen = new Map<string, KindName>();
  for (const kind of kinds) {
    const key = `${kind.group}\n${kind.resource}`;
    if (!seen.has(key)) seen.set(key, kind);
  }
  return [...seen.values()];
}

function preferred(kinds: readonly KindName[]): readonly KindName[] {
  const core = kinds.filter((kind) => kind.group === '');
  if (core.length > 0) return core;
  const builtIn = kinds.filter((kind) => !kind.group.includes('.') || kind.group.endsWith('.k8s.io'));
  return builtIn.length > 0 ? builtIn : kinds;
}
