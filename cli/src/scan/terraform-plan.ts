/**
 * A Terraform plan as JSON (`terraform show -json plan`): its kubernetes_* resources as the manifests they stand for.
 * The provider writes a manifest's fields in snake_case, and every nested block as a list.
 */
import { isJsonArray, isJsonObject, type Json, type JsonObject } from '@driftline/proto';
import type { ScannedObject } from './finding.ts';
import type { ParsedDocument } from './parse-documents.ts';
import { isKubernetesObject, type ReadContext, scannedObject } from './read-object.ts';
import { apiOfResource, blockName, fieldName, isListField } from './terraform-names.ts';

type Resource = { readonly address: string; readonly type: string; readonly values: JsonObject; readonly base: Base };
type Base = readonly (string | number)[];

export function isTerraformPlan(value: Json): value is JsonObject {
  return isJsonObject(value) && isJsonObject(value['planned_values']) && typeof value['format_version'] === 'string';
}

export function objectsOfPlan(document: ParsedDocument, context: ReadContext): readonly ScannedObject[] {
  const plan = document.value;
  if (!isJsonObject(plan) || !isJsonObject(plan['planned_values'])) return [];
  const root = plan['planned_values']['root_module'];
  return resourcesOf(root ?? null, ['planned_values', 'root_module']).flatMap((resource) => {
    const object = manifestOf(resource);
    if (object === undefined) return [];
    // Field paths are the manifest's; in the plan, the resource's values are what can be pointed at.
    const locate = () => document.locate(resource.base, '');
    const scanned = scannedObject({ object, address: resource.address, locate }, context);
    // The plan's own text is looked through for credentials, with the paths it really has.
    return [{ ...scanned, credentials: [] }];
  });
}

function resourcesOf(module: Json, base: Base): readonly Resource[] {
  if (!isJsonObject(module)) return [];
  const { resources, child_modules: children } = module;
  const own = (isJsonArray(resources) ? resources : []).flatMap((resource, index): readonly Resource[] => {
    if (!isJsonObject(resource) || resource['mode'] === 'data') return [];
    const { address, type, values } = resource;
    if (typeof address !== 'string' || typeof type !== 'string' || !isJsonObject(values)) return [];
    return [{ address, type, values, base: [...base, 'resources', index, 'values'] }];
  });
  const below = (isJsonArray(children) ? children : []).flatMap((child, index) =>
    resourcesOf(child, [...base, 'child_modules', index]),
  );
  return [...own, ...below];
}

function manifestOf({ type, values }: Resource): JsonObject | undefined {
  if (type === 'kubernetes_manifest') {
    const manifest = values['manifest'] ?? null;
    return isKubernetesObject(manifest) ? manifest : undefined;
  }
  const api = apiOfResource(type);
  if (api === undefined) return undefined;
  const body = objectOf(values, []);
  const fields = Object.fromEntries(Object.entries(body).filter(([key]) => key !== 'id' && !key.startsWith('waitFor')));
  return { ...api, ...fields };
}

/** Keys of these maps are people's, not the provider's. */
const freeMaps: ReadonlySet<string> = new Set(
  'labels annotations data string_data binary_data match_labels node_selector limits requests parameters selector default default_request hard'.split(
    ' ',
  ),
);

function objectOf(values: JsonObject, path: readonly string[]): JsonObject {
  const entries = Object.entries(values).flatMap(([key, value]): readonly (readonly [string, Json])[] => {
    const inner = [...path, key];
    const isFree = freeMaps.has(key) && isJsonObject(value);
    const converted = isFree ? value : fieldOf(value, inner);
    return converted === undefined ? [] : [[isJsonArray(converted) ? blockName(key) : fieldName(key), converted]];
  });
  return Object.fromEntries(entries);
}

/** Undefined: not set. */
function fieldOf(value: Json, path: readonly string[]): Json | undefined {
  if (value === null || value === '') return undefined;
  if (isJsonObject(value)) return objectOf(value, path);
  if (!isJsonArray(value)) return value;
  if (value.length === 0) return undefined;
  const isBlocks = value.every(isJsonObject);
  if (isBlocks && !isListField(path)) return objectOf(value[0] as JsonObject, path);
  return value.map((item) => (isJsonObject(item) ? objectOf(item, path) : item));
}
