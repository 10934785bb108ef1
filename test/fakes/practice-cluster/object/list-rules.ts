/**
 * How lists and maps of the built-in kinds merge. A rule is found by the name of the field and of the field that holds
 * it, which is unambiguous for the kinds served here. Custom resources have atomic lists outside metadata.
 */
export type ListRule =
  | { readonly type: 'map'; readonly keys: readonly string[]; readonly mergeKey: string }
  | { readonly type: 'set' }
  | { readonly type: 'atomic' };

const atomic: ListRule = { type: 'atomic' };
const byKeys = (...keys: string[]): ListRule => ({ type: 'map', keys, mergeKey: keys[0] ?? '' });

const anywhere = new Map<string, ListRule>([
  ['containers', byKeys('name')],
  ['initContainers', byKeys('name')],
  ['ephemeralContainers', byKeys('name')],
  ['env', byKeys('name')],
  ['volumeMounts', byKeys('mountPath')],
  ['volumeDevices', byKeys('devicePath')],
  ['volumes', byKeys('name')],
  ['imagePullSecrets', byKeys('name')],
  ['hostAliases', byKeys('ip')],
  ['topologySpreadConstraints', byKeys('topologyKey', 'whenUnsatisfiable')],
  ['conditions', byKeys('type')],
  ['podIPs', byKeys('ip')],
  ['hostIPs', byKeys('ip')],
  ['ownerReferences', byKeys('uid')],
  ['webhooks', byKeys('name')],
  ['matchConditions', byKeys('name')],
  ['resourceClaims', byKeys('name')],
  ['finalizers', { type: 'set' }],
]);

/** Fields whose rule depends on what holds them: `parent.field`. */
const within = new Map<string, ListRule>([
  ['containers.ports', { type: 'map', keys: ['containerPort', 'protocol'], mergeKey: 'containerPort' }],
  ['initContainers.ports', { type: 'map', keys: ['containerPort', 'protocol'], mergeKey: 'containerPort' }],
  ['Service.spec.ports', { type: 'map', keys: ['port', 'protocol'], mergeKey: 'port' }],
  ['Node.status.addresses', byKeys('type')],
  ['ServiceAccount..secrets', byKeys('name')],
]);

/** Where a field is: kind of the object, the field that holds it ('' at the top), and whether the kind is custom. */
export type FieldPlace = { readonly kind: string; readonly custom: boolean; readonly parent: string };

export const listRule = (field: string, place: FieldPlace): ListRule => {
  const inMetadata = place.parent === 'metadata' && (field === 'ownerReferences' || field === 'finalizers');
  if (place.custom && !inMetadata) return atomic;
  return (
    within.get(`${place.kind}.${place.parent}.${field}`) ??
    within.get(`${place.parent}.${field}`) ??
    anywhere.get(field) ??
    atomic
  );
};

const atomicMaps = new Set(['selector', 'labelSelector', 'podSelector', 'namespaceSelector', 'nodeSelectorTerms']);
const referenceMaps = new Set([
  'secretKeyRef',
  'configMapKeyRef',
  'fieldRef',
  'resourceFieldRef',
  'scaleTargetRef',
  'roleRef',
]);

/** Objects that are owned and replaced as a whole. */
export const isAtomicMap = (field: string, place: FieldPlace): boolean =>
  !place.custom && (atomicMaps.has(field) || referenceMaps.has(field));

const freeMaps = new Set([
  'labels',
  'annotations',
  'data',
  'stringData',
  'binaryData',
  'limits',
  'requests',
  'nodeSelector',
]);

/** Is the presence of the map itself owned, apart from its entries? */
export const isFreeMap = (field: string, place: FieldPlace): boolean =>
  freeMaps.has(field) ||
  field === 'rollingUpdate' ||
  (place.custom && place.parent !== 'metadata' && field !== 'metadata');

export const mapItemKey = (item: { [key: string]: unknown }, keys: readonly string[]): string => {
  const picked: { [key: string]: unknown } = {};
  for (const key of [...keys].sort()) picked[key] = item[key] ?? (key === 'protocol' ? 'TCP' : null);
  return JSON.stringify(picked);
};
