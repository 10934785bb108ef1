/** Remarks on policies that load: what nobody would notice missing until it is needed. Pure. */
import type { Bundle, LoadedControl } from '@driftline/policy';
import { isOwn } from './policies.ts';

export type Remark = {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  /** '' for a remark about a file. */
  readonly control: string;
  readonly reason: string;
};

/** Cases of each outcome below which a control is hardly tested. */
const wantedCases = 2;

/** In the order of files and lines. */
export function lintBundle(bundle: Bundle): readonly Remark[] {
  const notes = bundle.notes.map(({ file, line, column, reason }) => ({ file, line, column, control: '', reason }));
  const remarks = bundle.controls.filter(isOwn).flatMap((loaded) =>
    reasonsOf(loaded).map((reason) => {
      const { id } = loaded.control.meta;
      return { ...loaded.at, control: id, reason: `${id}: ${reason}` };
    }),
  );
  return [...notes, ...remarks, ...equalTitles(bundle)].sort(
    (a, b) => compare(a.file, b.file) || a.line - b.line || compare(a.reason, b.reason),
  );
}

function reasonsOf({ control, cases: casesOf }: LoadedControl): readonly string[] {
  const cases = casesOf();
  const count = (expect: string) => cases.filter((one) => one.expect === expect).length;
  const few = (['pass', 'fail'] as const)
    .filter((expect) => cases.length > 0 && count(expect) < wantedCases)
    .map(
      (expect) => `${count(expect)} case${count(expect) === 1 ? '' : 's'} that must ${expect}: two tell more than one`,
    );
  const unnamed = cases.some((one) => one.expect === 'fail' && one.violations === undefined)
    ? ['a case that must fail does not say which paths: any violation passes it']
    : [];
  const { frameworks, remediation } = control.meta;
  return [
    ...few,
    ...unnamed,
    ...(frameworks.length === 0 ? ['it is mapped to no framework: no report on one will show it'] : []),
    ...(remediation.fields.length === 0 ? ['its remediation names no fields'] : []),
  ];
}

/** Two controls that read the same are told apart by their ids only. */
function equalTitles({ controls }: Bundle): readonly Remark[] {
  const first = new Map<string, string>();
  return controls.flatMap(({ control: { meta }, at }) => {
    const other = first.get(meta.title);
    first.set(meta.title, other ?? meta.id);
    return other === undefined ? [] : [{ ...at, control: meta.id, reason: `${meta.id}: it has the title of ${other}` }];
  });
}

function compare(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
