/**
 * Whether anything outside the cluster leads to a workload: a Service of a type that opens a door, or an Ingress, a
 * Gateway route or a VirtualService of Istio to a Service that selects it. Network policies are not taken into account: this asks for a way in.
 */
import {
  type Fact,
  type FactOf,
  labelsAt,
  listAt,
  type RelationControl,
  stringAt,
  stringsOf,
  type TrackedView,
  valueAt,
} from '@driftline/policy';
import type { Json } from '@driftline/proto';

type Door = {
  readonly selector: readonly (readonly [name: string, value: string])[];
  readonly type: string;
  readonly hasExternalIps: boolean;
};

const services: Fact<Door> = {
  name: 'service-door',
  group: '',
  kind: 'Service',
  reads: [
    ['spec', 'selector'],
    ['spec', 'type'],
    ['spec', 'externalIPs'],
  ],
  project(service) {
    const selector = [...labelsAt(service, 'spec', 'selector')].sort(([a], [b]) => (a < b ? -1 : 1));
    if (selector.length === 0) return undefined;
    return {
      selector,
      type: stringAt(service, 'spec', 'type') || 'ClusterIP',
      hasExternalIps: listAt(service, 'spec', 'externalIPs').length > 0,
    };
  },
  // One label of those it asks for is enough to be found by whom it selects.
  keys: ({ selector }, { namespace }) => selector.slice(0, 1).map(([name, value]) => labelKey(namespace, name, value)),
};

const labelKey = (namespace: string, name: string, value: string): string => JSON.stringify([namespace, name, value]);

/** Backends are `<namespace>/<service>`. */
const ingressBackends: Fact<readonly string[]> = {
  name: 'ingress-backends',
  group: 'networking.k8s.io',
  kind: 'Ingress',
  reads: [
    ['metadata', 'namespace'],
    ['spec', 'defaultBackend'],
    ['spec', 'rules'],
  ],
  project(ingress) {
    const namespace = stringAt(ingress, 'metadata', 'namespace');
    const paths = listAt(ingress, 'spec', 'rules').flatMap((rule) => listAt(rule, 'http', 'paths'));
    const backends = [valueAt(ingress, 'spec', 'defaultBackend'), ...paths.map((path) => valueAt(path, 'backend'))];
    const names = backends.map((backend) => stringAt(backend, 'service', 'name')).filter((name) => name !== '');
    return sortedBackends(names.map((name) => `${namespace}/${name}`));
  },
  keys: (backends) => backends,
};

const routeBackends = (kind: string): Fact<readonly string[]> => ({
  name: `${kind.toLowerCase()}-backends`,
  group: 'gateway.networking.k8s.io',
  kind,
  reads: [
    ['metadata', 'namespace'],
    ['spec', 'rules'],
  ],
  project(route) {
    const own = stringAt(route, 'metadata', 'namespace');
    const refs = listAt(route, 'spec', 'rules').flatMap((rule) => listAt(rule, 'backendRefs'));
    return sortedBackends(
      refs.filter(isService).map((ref) => `${stringAt(ref, 'namespace') || own}/${stringAt(ref, 'name')}`),
    );
  },
  keys: (backends) => backends,
});

/** Of Istio, when it is for a gateway: the gateway `mesh` is what the sidecars do among themselves. */
const virtualServiceBackends: Fact<readonly string[]> = {
  name: 'virtual-service-backends',
  group: 'networking.istio.io',
  kind: 'VirtualService',
  reads: [['metadata', 'namespace'], ['spec']],
  project(service) {
    if (stringsOf(valueAt(service, 'spec', 'gateways')).every((gateway) => gateway === 'mesh')) return undefined;
    const own = stringAt(service, 'metadata', 'namespace');
    const rules = ['http', 'tls', 'tcp'].flatMap((protocol) => listAt(service, 'spec', protocol));
    const hosts = rules.flatMap((rule) => listAt(rule, 'route').map((one) => stringAt(one, 'destination', 'host')));
    return sortedBackends(hosts.flatMap((host) => backendOf(host, own)));
  },
  keys: (backends) => backends,
};

/** `web`, or `web.shop.svc.cluster.local` with more or less of its end; other names are no Service of the cluster. */
function backendOf(host: string, own: string): readonly string[] {
  const [name = '', namespace = own, svc = 'svc'] = host.split('.');
  return name === '' || svc !== 'svc' ? [] : [`${namespace}/${name}`];
}

const routes: readonly Fact<readonly string[]>[] = [
  ...['HTTPRoute', 'GRPCRoute', 'TLSRoute', 'TCPRoute', 'UDPRoute'].map(routeBackends),
  virtualServiceBackends,
];

function isService(ref: Json): boolean {
  return stringAt(ref, 'group') === '' && ['', 'Service'].includes(stringAt(ref, 'kind'));
}

function sortedBackends(names: readonly string[]): readonly string[] | undefined {
  return names.length === 0 ? undefined : [...new Set(names)].sort();
}

export const workloadExposure: RelationControl = {
  name: 'workload-exposure',
  reads: [
    ['object', 'metadata', 'labels'],
    ['podMeta', 'labels'],
  ],
  evaluate({ object, key, view, params, pod }) {
    if (pod === undefined) return { verdict: 'not-applicable' };
    if (labelsAt(object, 'metadata', 'labels').get(stringAt(params, 'label')) === stringAt(params, 'value'))
      return { verdict: 'pass' };
    const ways = waysFromOutside(key.namespace, labelsAt(pod.meta, 'labels'), view);
    if (ways.length === 0) return { verdict: 'pass' };
    const reason = `reachable from outside by ${ways.join(', ')}`;
    return { verdict: 'fail', violations: [{ path: `${pod.metaPath}.labels`, value: ways.join(', '), reason }] };
  },
};

/** Each as text: what opens the door, and the Service it leads to. */
export function waysFromOutside(
  namespace: string,
  labels: ReadonlyMap<string, string>,
  view: TrackedView,
): readonly string[] {
  // Asked even for a pod without labels: where Services cannot be seen, nothing passes.
  const asked = labels.size === 0 ? [['', ''] as const] : [...labels];
  const found = asked.flatMap(([name, value]) => view.lookup(services, labelKey(namespace, name, value)));
  const selecting = found
    .filter((service) => selects(service.value, labels))
    .sort((a, b) => (a.key.name < b.key.name ? -1 : 1));
  return selecting.flatMap((service) => waysTo(service, (fact, name) => view.lookup(fact, name)));
}

function selects(door: Door, labels: ReadonlyMap<string, string>): boolean {
  return door.selector.every(([name, value]) => labels.get(name) === value);
}

type Lookup = (fact: Fact<readonly string[]>, key: string) => readonly FactOf<readonly string[]>[];

function waysTo({ key, value }: FactOf<Door>, lookup: Lookup): readonly string[] {
  const backend = `${key.namespace}/${key.name}`;
  const own =
    value.type === 'LoadBalancer' || value.type === 'NodePort' || value.hasExternalIps
      ? [`${value.type} Service ${key.name}`]
      : [];
  const entrances = [ingressBackends, ...routes].flatMap((fact) => lookup(fact, backend));
  return [
    ...own,
    ...entrances.map(
      (entrance) => `${entrance.key.kind} ${entrance.key.namespace}/${entrance.key.name} to Service ${key.name}`,
    ),
  ];
}
