/** Expressions and answers of the Kubernetes CEL environment, from the shared corpora. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import { CelOptional, compileCel, formatType, kindOf, toJson, type Value } from './index.ts';

const variables = ['object', 'oldObject', 'params', 'request', 'namespaceObject', 'variables'];

type Golden = {
  readonly id: string;
  readonly expr: string;
  readonly compileError?: string;
  readonly evalError?: string;
  readonly value?: unknown;
  readonly type?: string;
  readonly cost?: number;
  readonly compiles?: boolean;
};

function goldens(t: TestContext, file: string, count: number): readonly Golden[] {
  const folder = process.env['DRIFTLINE_CORPORA'];
  const path = join(folder ?? '', 'cel', file);
  if (folder === undefined || !existsSync(path)) {
    t.skip(`DRIFTLINE_CORPORA is not set or has no ${file}: ${count} cases NOT RUN`);
    return [];
  }
  const lines = readFileSync(path, 'utf8').trim().split('\n');
  assert.equal(lines.length, count);
  return lines.map((line) => JSON.parse(line) as Golden);
}

/** As the goldens write values that are not JSON. */
function shown(value: Value): unknown {
  if (value instanceof CelOptional) {
    return `optional_type(${!value.hasValue ? '<nil>' : Array.isArray(value.value) ? `[${value.value.join(' ')}]` : String(value.value)})`;
  }
  const kind = kindOf(value);
  return kind.includes('.') ? `${kind}(${String(value)})` : toJson(value);
}

const refused = /\bauthorizer\b/;

function outcome(golden: Golden): unknown {
  const compiled = compileCel(golden.expr, { variables });
  if (!compiled.ok) return refused.test(golden.expr) ? 'refused' : { compileError: compiled.error };
  const result = compiled.program.evaluate({});
  const type = formatType(compiled.program.type);
  return result.ok
    ? { value: shown(result.value), type, cost: result.cost }
    : { evalError: result.error.message, type, cost: result.cost };
}

function expected({ expr, compileError, evalError, value, type, cost }: Golden): unknown {
  if (refused.test(expr)) return 'refused';
  if (compileError === undefined) return evalError === undefined ? { value, type, cost } : { evalError, type, cost };
  const [, line, column, message = ''] = /<input>:(\d+):(\d+): (.*)/.exec(compileError) ?? [];
  return { compileError: { message, line: Number(line), column: Number(column) } };
}

describe('Kubernetes CEL', () => {
  it('gives the values, types, errors and costs of the API server for its library tests', (t) => {
    const rows = goldens(t, 'k8s-library-golden.jsonl', 220);
    const different = rows
      .map((row) => ({ id: row.id, expr: row.expr, ours: outcome(row), theirs: expected(row) }))
      .filter(({ ours, theirs }) => !isDeepStrictEqual(ours, theirs));
    assert.deepEqual(different, []);
  });

  it('refuses the authorizer by name, at its place', () => {
    const compiled = compileCel("true || authorizer.path('/healthz').check('get').allowed()", { variables });
    assert.ok(!compiled.ok);
    assert.deepEqual({ line: compiled.error.line, column: compiled.error.column }, { line: 1, column: 9 });
    assert.match(compiled.error.message, /^'authorizer' is not supported/);
  });

  it('compiles the expressions of real policies that Kubernetes compiles, and no others, to the same types', (t) => {
    const rows = goldens(t, 'policy-expressions.jsonl', 397);
    const different = rows
      .map(({ id, expr, compiles, type }) => {
        const compiled = compileCel(expr, { variables });
        const ours = compiled.ok ? formatType(compiled.program.type) : compiled.error;
        return { id, expr, ours, theirs: compiles === true ? type : 'refused' };
      })
      .filter(({ ours, theirs }) => (typeof ours === 'string' ? ours !== theirs : theirs !== 'refused'));
    assert.deepEqual(different, []);
  });
});
