/** The defaults that a template's schema gives to the parameters of its constraints, as the API server fills them in. */
import { isJsonArray, isJsonObject, type Json, type JsonObject } from '@driftline/proto';
import { objectAt } from '../read-json.ts';

/** `schema` is the part of an OpenAPI v3 schema that belongs to `value`. */
export function withDefaults(value: Json, schema: JsonObject | undefined): Json {
  if (schema === undefined) return value;
  if (isJsonArray(value)) {
    const items = objectAt(schema, 'items');
    return items === undefined ? value : value.map((item) => withDefaults(item, items));
  }
  if (!isJsonObject(value)) return value;
  const properties = objectAt(schema, 'properties') ?? {};
  const filled: Record<string, Json> = { ...value };
  for (const [name, property] of Object.entries(properties)) {
    if (!isJsonObject(property)) continue;
    const present = Object.hasOwn(filled, name) ? filled[name] : property['default'];
    if (present !== undefined) filled[name] = withDefaults(present, property);
  }
  return filled;
}
