import { definitionProblems, schemaProblems } from '../object/custom-schema.ts';
import { isObject, type JsonObject, objectAt, objectsAt, sameJson, stringAt, valueAt, textOf } from '../object/json.ts';
import { type InvalidField, invalid, invalidValue, required } from '../status-error.ts';
import { type Kind, storageKey } from '../store/kind.ts';
import { dataSizeProblems, refuseLarge } from './size-limits.ts';

const subdomain = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
const label = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/;
const pathSegment = /^(?!\.{1,2}$)[^/%]+$/;
const qualifiedName = /^([a-z0-9]([-a-z0-9.]*[a-z0-9])?\/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/;
const labelValue = /^([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?$/;
const subdomainRule =
  "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";

/** Total size of annotations, in characters. */
const maxAnnotationSize = 256 * 1024;

const nameProblems = (kind: Kind, name: string): InvalidField[] => {
  if (name === '') return [required('metadata.name', 'name or generateName is required')];
  if (kind.group === 'rbac.authorization.k8s.io') {
    return pathSegment.test(name)
      ? []
      : [invalidValue('metadata.name', name, 'may not contain a path segment separator')];
  }
  const isLabel = kind.resource === 'namespaces' || kind.resource === 'services';
  if (isLabel ? label.test(name) && name.length <= 63 : subdomain.test(name) && name.length <= 253) return [];
  return [invalidValue('metadata.name', name, subdomainRule)];
};

const metadataProblems = (metadata: JsonObject): InvalidField[] => {
  const problems: InvalidField[] = [];
  for (const field of ['labels', 'annotations']) {
    const map = valueAt(metadata, field);
    if (map === undefined) continue;
    const entries = Object.entries(isObject(map) ? map : {});
    for (const [key, value] of entries) {
      if (!qualifiedName.test(field === 'annotations' ? key.toLowerCase() : key))
        problems.push(
          invalidValue(`metadata.${field}`, key, "name part must consist of alphanumeric characters, '-', '_' or '.'"),
        );
      if (typeof value !== 'string')
        problems.push({
          field: `metadata.${field}`,
          reason: 'FieldValueTypeInvalid',
          message: `Invalid value: ${JSON.stringify(value)}: must be a string`,
        });
      else if (field === 'labels' && !labelValue.test(value))
        problems.push(
          invalidValue(
            'metadata.labels',
            value,
            "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.'",
          ),
        );
    }
    const size = entries.reduce((sum, [key, value]) => sum + key.length + textOf(value).length, 0);
    if (field === 'annotations' && size > maxAnnotationSize) {
      problems.push({
        field: 'metadata.annotations',
        reason: 'FieldValueTooLong',
        message: `Too long: may not be more than ${maxAnnotationSize} bytes`,
      });
    }
  }
  return problems;
};

const containerProblems = (spec: JsonObject, path: string): InvalidField[] => {
  const containers = objectsAt(spec, 'containers');
  if (containers.length === 0) return [required(`${path}.containers`)];
  return containers.flatMap((container, index) => [
    ...(stringAt(container, 'name') === '' ? [required(`${path}.containers[${index}].name`)] : []),
    ...(stringAt(container, 'image') === '' ? [required(`${path}.containers[${index}].image`)] : []),
  ]);
};

const templateProblems = (object: JsonObject): InvalidField[] => {
  const template = objectAt(objectAt(object, 'spec'), 'template');
  const wanted = objectAt(objectAt(objectAt(object, 'spec'), 'selector'), 'matchLabels');
  const labels = objectAt(objectAt(template, 'metadata'), 'labels');
  const isSelected = Object.entries(wanted).every(([key, value]) => labels[key] === value);
  return [
    ...(isSelected
      ? []
      : [
          invalidValue(
            'spec.template.metadata.labels',
            JSON.stringify(labels),
            '`selector` does not match template `labels`',
          ),
        ]),
    ...containerProblems(objectAt(template, 'spec'), 'spec.template.spec'),
  ];
};

const dataKey = /^[-._a-zA-Z0-9]{1,253}$/;
const dataProblems = (object: JsonObject): InvalidField[] =>
  ['data', 'binaryData'].flatMap((field) =>
    Object.keys(objectAt(object, field))
      .filter((key) => !dataKey.test(key))
      .map((key) =>
        invalidValue(
          `${field}[${key}]`,
          key,
          "a valid config key must consist of alphanumeric characters, '-', '_' or '.'",
        ),
      ),
  );

const kindProblems: { readonly [kind: string]: (object: JsonObject) => InvalidField[] } = {
  Pod: (object) => containerProblems(objectAt(object, 'spec'), 'spec'),
  ConfigMap: (object) => [...dataProblems(object), ...dataSizeProblems(object, '[]')],
  Secret: (object) => [...dataProblems(object), ...dataSizeProblems(object, 'data')],
  Deployment: templateProblems,
  StatefulSet: templateProblems,
  DaemonSet: templateProblems,
  ReplicaSet: templateProblems,
  CustomResourceDefinition: definitionProblems,
  RoleBinding: (object) => (stringAt(objectAt(object, 'roleRef'), 'name') === '' ? [required('roleRef.name')] : []),
  ClusterRoleBinding: (object) =>
    stringAt(objectAt(object, 'roleRef'), 'name') === '' ? [required('roleRef.name')] : [],
};

/** Throws the 422 with every problem of an object that is about to be stored, or the 4xx of one that is too large. */
export const validate = (object: JsonObject, kind: Kind, version: string): void => {
  const metadata = objectAt(object, 'metadata');
  const name = stringAt(metadata, 'name');
  const schema = kind.custom?.versions.get(version)?.schema;
  const problems = [
    ...nameProblems(kind, name),
    ...metadataProblems(metadata),
    ...(schema === undefined ? (kindProblems[kind.kind]?.(object) ?? []) : schemaProblems(object, schema)),
  ];
  if (problems.length > 0) throw invalid({ group: kind.group, kind: kind.kind, name }, problems);
  refuseLarge(object);
};

const immutableFields: { readonly [storage: string]: readonly (readonly string[])[] } = {
  'deployments.apps': [['spec', 'selector']],
  'daemonsets.apps': [['spec', 'selector']],
  'statefulsets.apps': [
    ['spec', 'selector'],
    ['spec', 'serviceName'],
  ],
  'replicasets.apps': [['spec', 'selector']],
  'jobs.batch': [['spec', 'template']],
  'rolebindings.rbac.authorization.k8s.io': [['roleRef']],
  'clusterrolebindings.rbac.authorization.k8s.io': [['roleRef']],
  secrets: [['type']],
  'storageclasses.storage.k8s.io': [['provisioner'], ['parameters']],
};

const podMutable = [
  'activeDeadlineSeconds',
  'tolerations',
  'terminationGracePeriodSeconds',
  'nodeName',
  'ephemeralContainers',
];

/** Throws the 422 for fields that may not change once an object exists. */
export const validateUpdate = (before: JsonObject, after: JsonObject, kind: Kind): void => {
  const problems: InvalidField[] = [];
  const at = (object: JsonObject, path: readonly string[]) =>
    path.reduce<ReturnType<typeof valueAt>>((value, key) => valueAt(value, key), object);
  for (const path of immutableFields[storageKey(kind)] ?? []) {
    if (!sameJson(at(before, path), at(after, path))) {
      problems.push(
        invalidValue(
          path.join('.'),
          JSON.stringify(at(after, path)),
          path[0] === 'roleRef' ? 'cannot change roleRef' : 'field is immutable',
        ),
      );
    }
  }
  if (
    (kind.resource === 'configmaps' || kind.resource === 'secrets') &&
    kind.group === '' &&
    before['immutable'] === true
  ) {
    const same = sameJson(before['data'], after['data']) && after['immutable'] === true;
    if (!same)
      problems.push({
        field: 'data',
        reason: 'FieldValueForbidden',
        message: 'Forbidden: field is immutable when `immutable` is set',
      });
  }
  if (kind.resource === 'pods' && kind.group === '' && !sameJson(fixedPodSpec(before), fixedPodSpec(after))) {
    problems.push({
      field: 'spec',
      reason: 'FieldValueForbidden',
      message:
        'Forbidden: pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)',
    });
  }
  if (problems.length > 0) {
    throw invalid(
      { group: kind.group, kind: kind.kind, name: stringAt(objectAt(after, 'metadata'), 'name') },
      problems,
    );
  }
};

const fixedPodSpec = (pod: JsonObject): JsonObject => {
  const spec: JsonObject = { ...objectAt(pod, 'spec') };
  for (const key of podMutable) delete spec[key];
  for (const key of ['containers', 'initContainers']) {
    if (spec[key] !== undefined) spec[key] = objectsAt(spec, key).map((container) => ({ ...container, image: '' }));
  }
  return spec;
};
