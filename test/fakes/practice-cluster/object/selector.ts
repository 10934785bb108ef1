import { badRequest } from '../status-error.ts';
import { type Json, type JsonObject, objectAt, objectsAt, valueAt, textOf } from './json.ts';
import { type KubeObject, labelsOf } from './kube-object.ts';

export type LabelTest = (labels: { readonly [key: string]: string }) => boolean;

const splitOutsideParentheses = (text: string): string[] => {
  const parts: string[] = [];
  let depth = 0;
  let start = 0;
  for (let index = 0; index < text.length; index += 1) {
    if (text[index] === '(') depth += 1;
    else if (text[index] === ')') depth -= 1;
    else if (text[index] === ',' && depth === 0) {
      parts.push(text.slice(start, index));
      start = index + 1;
    }
  }
  return [...parts, text.slice(start)].map((part) => part.trim()).filter((part) => part !== '');
};

const has = (labels: { readonly [key: string]: string }, key: string) => Object.hasOwn(labels, key);

const requirement = (text: string): LabelTest => {
  const key = '([A-Za-z0-9][A-Za-z0-9_./-]*)';
  const equality = new RegExp(`^${key}\\s*(==|=|!=)\\s*([A-Za-z0-9_.-]*)$`).exec(text);
  if (equality !== null) {
    const [, name = '', operator, value = ''] = equality;
    return operator === '!='
      ? (labels) => labels[name] !== value
      : (labels) => has(labels, name) && labels[name] === value;
  }
  const set = new RegExp(`^${key}\\s+(in|notin)\\s*\\(([^()]*)\\)$`).exec(text);
  if (set !== null) {
    const [, name = '', operator, list = ''] = set;
    const values = new Set(list.split(',').map((value) => value.trim()));
    const isIn: LabelTest = (labels) => has(labels, name) && values.has(labels[name] ?? '');
    return operator === 'in' ? isIn : (labels) => !isIn(labels);
  }
  const presence = new RegExp(`^(!?)\\s*${key}$`).exec(text);
  if (presence !== null) {
    const [, not, name = ''] = presence;
    return not === '!' ? (labels) => !has(labels, name) : (labels) => has(labels, name);
  }
  throw badRequest(`unable to parse requirement: ${JSON.stringify(text)} is not a label selector requirement`);
};

/** A `labelSelector` query parameter. */
export const labelSelector = (text: string): LabelTest => {
  const tests = splitOutsideParentheses(text).map(requirement);
  return (labels) => tests.every((test) => test(labels));
};

/** A LabelSelector object (`matchLabels`, `matchExpressions`); an absent selector matches nothing. */
export const matchesSelector = (selector: Json | undefined, labels: { readonly [key: string]: string }): boolean => {
  if (selector === undefined) return false;
  const wanted = Object.entries(objectAt(selector, 'matchLabels'));
  if (!wanted.every(([key, value]) => labels[key] === value)) return false;
  return objectsAt(selector, 'matchExpressions').every((expression) => matchesExpression(expression, labels));
};

const matchesExpression = (expression: JsonObject, labels: { readonly [key: string]: string }): boolean => {
  const key = textOf(expression['key']);
  const values = Array.isArray(expression['values']) ? expression['values'] : [];
  const isIn = has(labels, key) && values.includes(labels[key] ?? null);
  switch (expression['operator']) {
    case 'In':
      return isIn;
    case 'NotIn':
      return !isIn;
    case 'Exists':
      return has(labels, key);
    default:
      return !has(labels, key);
  }
};

/** Field labels beyond metadata.name and metadata.namespace, by kind, with where their value is. */
const fieldLabels: { readonly [kind: string]: readonly string[] } = {
  Pod: [
    'spec.nodeName',
    'spec.restartPolicy',
    'spec.schedulerName',
    'spec.serviceAccountName',
    'spec.hostNetwork',
    'status.phase',
    'status.podIP',
    'status.nominatedNodeName',
  ],
  Event: [
    'involvedObject.kind',
    'involvedObject.namespace',
    'involvedObject.name',
    'involvedObject.uid',
    'involvedObject.apiVersion',
    'involvedObject.resourceVersion',
    'involvedObject.fieldPath',
    'reason',
    'reportingComponent',
    'source',
    'type',
  ],
  Secret: ['type'],
  Namespace: ['status.phase'],
  Node: ['spec.unschedulable'],
  Service: ['spec.clusterIP', 'spec.type'],
  ReplicaSet: ['status.replicas'],
  Job: ['status.successful'],
  CertificateSigningRequest: ['spec.signerName'],
};

export type ObjectTest = (object: KubeObject) => boolean;

const fieldValue = (object: KubeObject, path: string): string => {
  const value = path.split('.').reduce<Json | undefined>((at, key) => valueAt(at, key), object);
  return value === undefined || value === null || typeof value === 'object' ? '' : String(value);
};

/** A `fieldSelector` query parameter for objects of `kind`. */
export const fieldSelector = (text: string, kind: string): ObjectTest => {
  const tests = text
    .split(',')
    .filter((part) => part !== '')
    .map((part): ObjectTest => {
      const match = /^([^=!]+)(==|=|!=)(.*)$/.exec(part);
      if (match === null) throw badRequest(`invalid selector: '${part}'; can't understand '${part}'`);
      const [, path = '', operator, value = ''] = match;
      if (path !== 'metadata.name' && path !== 'metadata.namespace' && fieldLabels[kind]?.includes(path) !== true) {
        throw badRequest(`field label not supported: ${path}`);
      }
      return (object) => (fieldValue(object, path) === value) !== (operator === '!=');
    });
  return (object) => tests.every((test) => test(object));
};

export const labelsTest =
  (test: LabelTest): ObjectTest =>
  (object) =>
    test(labelsOf(object.metadata.labels));
