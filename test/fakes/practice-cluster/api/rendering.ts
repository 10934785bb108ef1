import { type JsonObject, without } from '../object/json.ts';
import type { KubeObject } from '../object/kube-object.ts';
import { apiVersionOf, type Kind } from '../store/kind.ts';
import type { Form, Rendering } from './form.ts';
import type { Call } from './request.ts';
import { type TableRow, tableOf } from './table.ts';

/** The first form in the Accept header that is served; undefined when none is. */
export const formOf = (accept: string | undefined): Form | undefined => {
  if (accept === undefined || accept.trim() === '') return 'object';
  for (const clause of accept.split(',')) {
    const [type = '', ...parameters] = clause.split(';').map((part) => part.trim().toLowerCase());
    if (type === '*/*' || type === 'application/*') return 'object';
    if (type !== 'application/json') continue;
    const as = parameters.find((parameter) => parameter.startsWith('as='))?.slice(3);
    if (as === undefined) return 'object';
    if (!parameters.includes('v=v1')) continue;
    if (as === 'table') return 'table';
    if (as === 'partialobjectmetadata' || as === 'partialobjectmetadatalist') return 'metadata';
  }
  return undefined;
};

/** The object in the version of the URL: custom kinds convert by name only. */
export const inVersion = (object: KubeObject, kind: Kind, version: string): KubeObject => {
  const apiVersion = apiVersionOf(kind.group, version);
  return object.apiVersion === apiVersion ? object : { ...object, apiVersion };
};

export const metadataOnly = (object: JsonObject): JsonObject => ({
  kind: 'PartialObjectMetadata',
  apiVersion: 'meta.k8s.io/v1',
  metadata: object['metadata'] ?? {},
});

export const renderingOf = (call: Call, kind: Kind, form: Form, nowMs: number): Rendering => ({
  form,
  kind,
  version: call.attributes.version,
  includeObject: call.query.get('includeObject') ?? 'Metadata',
  nowMs,
});

const rowOf = (object: KubeObject, rendering: Rendering): TableRow => ({
  object,
  shown:
    rendering.includeObject === 'None'
      ? undefined
      : rendering.includeObject === 'Object'
        ? object
        : metadataOnly(object),
});

/** One object, as in a get or in a watch event. */
export const renderObject = (stored: KubeObject, rendering: Rendering): JsonObject => {
  const object = inVersion(stored, rendering.kind, rendering.version);
  if (rendering.form === 'metadata') return metadataOnly(object);
  if (rendering.form === 'object') return object;
  const metadata = { resourceVersion: object.metadata.resourceVersion };
  return tableOf([rowOf(object, rendering)], metadata, rendering);
};

/** A list as text. Items of built-in kinds do not repeat kind and apiVersion, as the API server does. */
export const renderList = (items: readonly KubeObject[], metadata: JsonObject, rendering: Rendering): string => {
  const { kind, version, form } = rendering;
  const objects = items.map((item) => inVersion(item, kind, version));
  if (form === 'table')
    return JSON.stringify(
      tableOf(
        objects.map((object) => rowOf(object, rendering)),
        metadata,
        rendering,
      ),
    );
  if (form === 'metadata') {
    const list = {
      kind: 'PartialObjectMetadataList',
      apiVersion: 'meta.k8s.io/v1',
      metadata,
      items: objects.map(metadataOnly),
    };
    return JSON.stringify(list);
  }
  const texts = objects.map((object) =>
    JSON.stringify(kind.custom === undefined ? without(object, 'kind', 'apiVersion') : object),
  );
  return `{"kind":${JSON.stringify(kind.listKind)},"apiVersion":${JSON.stringify(apiVersionOf(kind.group, version))},"metadata":${JSON.stringify(metadata)},"items":[${texts.join(',')}]}\n`;
};
