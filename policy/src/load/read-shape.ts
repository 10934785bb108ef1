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
    // The branch that got furthest says best what was meant.
    const depth = (issues: readonly z.core.$ZodIssue[]) =>
      Math.max(...issues.map((one) => one.path.length + (one.code === 'unrecognized_keys' ? 1 : 0)));
    const best = issue.errors.reduce((a, b) => (depth(b) >= depth(a) ? b : a));
    return best.flatMap((inner) => problemsOf(inner, path, file));
  }
  return [problem(file, path, `${keysText(path)}${issue.message}`)];
}

function problem(file: YamlFile, path: readonly PropertyKey[], reason: string): PolicyProblem {
  return { code: 'bad-shape', file: file.path, ...file.at(path), reason };
}

function keysText(path: readonly PropertyKey[]): string {
  const text = path.map((key) => (typeof key === 'number' ? `[${key}]` : `.${String(key)}`)).join('');
  return text === '' ? '' : `${text.replace(/^\./, '')}: `;
}
