import type { JsonObject } from '../object/json.ts';
import { apiVersionOf, type Kind } from '../store/kind.ts';
import type { KindRegistry } from '../store/kind-registry.ts';
import { type Call, objectReply, type Reply, textReply } from './request.ts';

/**
 * Just enough of OpenAPI for kubectl: which parameters a patch of each kind takes (so that field validation and dry run
 * are left to the server), and no schemas, so that kubectl merges built-in kinds by its own types.
 */
export const serveOpenApi = (call: Call, kinds: KindRegistry): Reply | undefined => {
  const { path, verb } = call.attributes;
  if (verb !== 'get' || !path.startsWith('/openapi/')) return undefined;
  if (path === '/openapi/v2') return textReply('404 page not found\n', 404);
  if (path === '/openapi/v3' || path === '/openapi/v3/') return objectReply({ paths: index(kinds) });
  const root = path.slice('/openapi/v3/'.length);
  const served = kinds.all().filter((kind) => kind.versions.some((version) => rootOf(kind, version) === root));
  if (served.length === 0) return textReply('404 page not found\n', 404);
  return objectReply(document(root, served));
};

const rootOf = (kind: Kind, version: string): string =>
  kind.group === '' ? `api/${version}` : `apis/${kind.group}/${version}`;

const index = (kinds: KindRegistry): JsonObject => {
  const roots = new Set(kinds.all().flatMap((kind) => kind.versions.map((version) => rootOf(kind, version))));
  return Object.fromEntries(
    [...roots].map((root) => [root, { serverRelativeURL: `/openapi/v3/${root}?hash=${kinds.generation}` }]),
  );
};

const parameter = (name: string): JsonObject => ({ name, in: 'query', schema: { type: 'string' } });
const parameters = ['dryRun', 'fieldManager', 'fieldValidation', 'force'].map(parameter);
const empty: JsonObject = { responses: { 200: { description: 'OK' } } };

const document = (root: string, kinds: readonly Kind[]): JsonObject => {
  const version = root.split('/').at(-1) ?? '';
  const paths: JsonObject = {};
  const schemas: JsonObject = {};
  for (const kind of kinds) {
    const scope = kind.namespaced ? 'namespaces/{namespace}/' : '';
    const type = { group: kind.group, version, kind: kind.kind };
    const name = [...(kind.group || 'core').split('.').toReversed(), version, kind.kind].join('.');
    const schema = kind.custom?.versions.get(version)?.schema ?? {
      type: 'object',
      description: `${kind.kind} (${apiVersionOf(kind.group, version)})`,
    };
    schemas[name] = { ...schema, 'x-kubernetes-group-version-kind': [type] };
    paths[`/${root}/${scope}${kind.resource}/{name}`] = {
      get: { ...empty, 'x-kubernetes-action': 'get', 'x-kubernetes-group-version-kind': type },
      patch: {
        ...empty,
        parameters,
        requestBody: { content: { 'application/json-patch+json': {}, 'application/merge-patch+json': {} } },
        'x-kubernetes-action': 'patch',
        'x-kubernetes-group-version-kind': type,
      },
    };
  }
  return { openapi: '3.0.0', info: { title: 'Kubernetes', version: 'v1.36.0' }, paths, components: { schemas } };
};
