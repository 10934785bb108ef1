/** A YAML file against its schema: the typed value, or every problem where it is. */
import type { z } from 'zod';
import type { PolicyProblem } from './problem.ts';
import type { YamlFile } from './yaml-file.ts';

export function readShape<T>(
  schema: z.ZodType<T>,
  file: YamlFile,
): { readonly value: T } | { readonly problems: readonly PolicyProblem[] } {
  const result = schema.safeParse(file.value);
  if (result.success) return { value: result.data };
  return { problems: result.error.issues.flatMap((issue) => problemsOf(issue, [], file)) };
}

function problemsOf(issue: z.core.$ZodIssue, parent: readonly PropertyKey[], file: YamlFile): readonly PolicyProblem[] {
  const path = [...parent, ...issue.path];
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => problem(file, [...path, key], `${keysText(path)}has no field ${key}`));
  }
  if (issue.code === 'invalid_union' && issue.errors.length > 0) {
    const best = issue.errors.reduce((a, b) => (fitness(b) > fitness(a) ? b : a));
    return best.flatMap((inner) => problemsOf(inner, path, file));
  }
  return [problem(file, path, `${keysText(path)}${issue.message}`)];
}

/** The branch of a union that got furthest says best what was meant; one of the wrong type says least. */
function fitness(issues: readonly z.core.$ZodIssue[]): number {
  return Math.max(...issues.map(({ code, path }) => path.length * 2 + (code === 'invalid_type' ? 0 : 1)));
}

function problem(file: YamlFile, path: readonly PropertyKey[], reason: string): PolicyProblem {
  return { code: 'bad-shape', file: file.path, ...file.at(path), reason };
}

function keysText(path: readonly PropertyKey[]): string {
  const text = path.map((key) => (typeof key === 'number' ? `[${key}]` : `.${String(key)}`)).join('');
  return text === '' ? '' : `${text.replace(/^\./, '')}: `;
}
