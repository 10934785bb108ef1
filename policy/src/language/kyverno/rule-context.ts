/** `context` of a rule: names for values and for ConfigMaps of the cluster, worked out when the rule runs, in order. */
import type { Json, JsonObject } from '@driftline/proto';
import { z } from 'zod';
import type { TrackedView } from '../../contract.ts';
import { text } from '../admission/shapes.ts';
import { objectAt } from '../read-json.ts';
import { compileQuery, type Query } from './jmespath.ts';
import { FunctionError } from './function-error.ts';
import { compileTemplate, NothingFound, type TemplateData, textOf } from './template.ts';

const entrySchema = z.strictObject({
  name: text,
  variable: z
    .strictObject({ value: z.json().optional(), jmesPath: text.optional(), default: z.json().optional() })
    .optional(),
  configMap: z.strictObject({ name: text, namespace: text.optional() }).optional(),
  apiCall: z.unknown().optional(),
  globalReference: z.unknown().optional(),
  imageRegistry: z.unknown().optional(),
});

export const contextSchema = z.array(entrySchema);
type Entry = z.infer<typeof entrySchema>;

export type RuleContext = {
  readonly readsCluster: boolean;
  /** The data with the names added. */
  extend(data: JsonObject, view: TrackedView): JsonObject;
};

type Step = (from: TemplateData, view: TrackedView) => Json;

/** Throws FunctionError for what is not supported: calls of the API server and of registries among it. */
export function compileContext(section: readonly Entry[]): RuleContext {
  const steps = section.map((entry): readonly [name: string, step: Step] => [entry.name, compileEntry(entry)]);
  return {
    readsCluster: section.some(({ configMap }) => configMap !== undefined),
    extend(data, view) {
      let extended = data;
      for (const [name, step] of steps)
        extended = { ...extended, [name]: step({ data: extended, isLenient: false }, view) };
      return extended;
    },
  };
}

function compileEntry({ name, variable, configMap, ...others }: Entry): Step {
  const foreign = Object.keys(others).find(
    (key) => key === 'apiCall' || key === 'globalReference' || key === 'imageRegistry',
  );
  if (foreign !== undefined) throw new FunctionError(`context.${name}: ${foreign} is not supported`);
  if (configMap !== undefined) return configMapStep(configMap);
  if (variable === undefined) throw new FunctionError(`context.${name} says nothing`);
  return variableStep(variable);
}

function configMapStep({ name, namespace = 'default' }: NonNullable<Entry['configMap']>): Step {
  const nameOf = compileTemplate(name);
  const namespaceOf = compileTemplate(namespace);
  return (from, view) => {
    const key = { group: '', kind: 'ConfigMap', namespace: textOf(namespaceOf(from)), name: textOf(nameOf(from)) };
    const found = view.get(key);
    if (found === undefined) throw new NothingFound(`there is no ConfigMap ${key.namespace}/${key.name}`);
    return { metadata: objectAt(found, 'metadata') ?? {}, data: objectAt(found, 'data') ?? {} };
  };
}

function variableStep({ value, jmesPath, default: otherwise }: NonNullable<Entry['variable']>): Step {
  const valueOf = value === undefined ? undefined : compileTemplate(value as Json);
  const defaultOf = otherwise === undefined ? undefined : compileTemplate(otherwise as Json);
  const queryOf = jmesPath === undefined ? undefined : compilePath(jmesPath);
  return (from) => {
    const lenient = { ...from, isLenient: defaultOf !== undefined };
    const base = valueOf === undefined ? from.data : valueOf(lenient);
    const found = queryOf === undefined ? base : queryOf(from).run(base);
    if (found !== null || defaultOf === undefined) return found;
    return defaultOf(from);
  };
}

/** A path without expressions in it is compiled once. */
function compilePath(jmesPath: string): (from: TemplateData) => Query {
  const pathOf = compileTemplate(jmesPath);
  if (jmesPath.includes('{{')) return (from) => compileQuery(textOf(pathOf(from)));
  const query = compileQuery(jmesPath);
  return () => query;
}
