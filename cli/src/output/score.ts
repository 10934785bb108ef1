/** Scores for people: a table of the moment, a line for each scope over time, and what a fall was due to. */
import type { ApiRegression, ApiScore } from '@driftline/proto';
import { localTime, type Paint, printable, table } from './text.ts';

const severities = ['critical', 'high', 'medium', 'low', 'info'] as const;
/** A requirement that is not shown by any control. */
export type RequirementNote = {
  readonly id: string;
  readonly title: string;
  readonly version: string;
  readonly notShown: readonly { readonly id: string; readonly title: string; readonly reason: string }[];
};

export function scoreText(items: readonly ApiScore[], isWide: boolean): string {
  const rows = items.map((item) => [
    item.cluster,
    scopeText(item.scope),
    // Where nothing can fail there is nothing to be proud of.
    item.possible === 0 ? '-' : item.score.toFixed(1),
    `${item.earned}/${item.possible}`,
    ...severities.map((severity) => String(item.openBySeverity[severity])),
    String(item.excepted),
    String(item.notAssessable),
    ...(isWide ? [String(item.unjudged), String(item.passing), String(item.failing)] : []),
    isWide ? item.at : localTime(item.at),
  ]);
  const wide = isWide ? ['UNJUDGED', 'PASSING', 'FAILING'] : [];
  const open = severities.map((severity) => severity.toUpperCase());
  return table(['CLUSTER', 'SCOPE', 'SCORE', 'POINTS', ...open, 'EXCEPTED', 'NOT ASSESSABLE', ...wide, 'AS OF'], rows);
}

function scopeText(scope: string): string {
  return printable(scope === 'owner:' ? 'owner: (nobody)' : scope);
}

export function requirementText({ title, version, notShown }: RequirementNote, isWide: boolean): string {
  if (notShown.length === 0) return `\nEvery requirement of ${title} ${version} is shown.`;
  const head = `\n${notShown.length} requirements of ${title} ${version} are not shown${isWide ? ':' : ' (-o wide says why).'}`;
  const lines = notShown.map(({ id, title: name, reason }) => printable(`  ${id}  ${name}: ${reason}`));
  return isWide ? [head, ...lines].join('\n') : head;
}

/** Items are in the order of cluster, scope and time. */
export function historyText(items: readonly ApiScore[], isWide: boolean): string {
  if (isWide)
    return table(
      ['TIME', 'CLUSTER', 'SCOPE', 'SCORE', 'POINTS'],
      items.map((item) => [
        item.at,
        item.cluster,
        scopeText(item.scope),
        item.score.toFixed(2),
        `${item.earned}/${item.possible}`,
      ]),
    );
  const scopes = Map.groupBy(items, ({ cluster, scope }) => JSON.stringify([cluster, scope]));
  const rows = [...scopes.values()].flatMap((points) => {
    const [first] = points;
    const last = points.at(-1);
    if (first === undefined || last === undefined) return [];
    const change = last.score - first.score;
    const lowest = points.reduce((low, { score }) => Math.min(low, score), first.score);
    return [
      [
        first.cluster,
        scopeText(first.scope),
        first.score.toFixed(1),
        last.score.toFixed(1),
        `${change > 0 ? '+' : ''}${change.toFixed(1)}`,
        lowest.toFixed(1),
        String(points.length),
        localTime(last.at),
      ],
    ];
  });
  return table(['CLUSTER', 'SCOPE', 'THEN', 'LAST', 'CHANGE', 'LOWEST', 'POINTS', 'LAST CHANGED'], rows);
}

type Shown = { readonly paint: Paint; readonly isWide: boolean };

export function regressionText(regression: ApiRegression, { paint, isWide }: Shown): string {
  const { cluster, at, causes, findings, changes, bundle } = regression;
  const shown = isWide ? findings : findings.slice(0, 5);
  const lines = [
    ...shown.map(({ severity, control, title, object, path }) =>
      printable(
        `${severity} ${control} ${title}  ${object.kind} ${object.namespace === '' ? '' : `${object.namespace}/`}${object.name}${path === '' ? '' : `  ${path}`}`,
      ),
    ),
    ...(causes > shown.length ? [`… and ${causes - shown.length} more findings`] : []),
  ];
  const changed = changes.length === 0 ? 'by no change of an object' : `by ${changes.map(printable).join(', ')}`;
  const text = [
    ...lines.map((line, index) => [index === 0 ? 'findings' : '', line]),
    ['changes', isWide ? `${changed}, judged by bundle ${printable(bundle)}` : changed],
  ];
  return [
    `${paint.bold(isWide ? at : localTime(at))}  ${fallText(regression, paint)}  ${paint.dim(`in ${printable(cluster)}`)}`,
    ...text.map(([label = '', line = '']) => `  ${paint.dim(label.padEnd(9))}${line}`),
  ].join('\n');
}

/** `namespace:shop fell from 96.2 to 84.0`. */
export function fallText(
  { scope, from, score }: Pick<ApiRegression, 'scope' | 'from' | 'score'>,
  paint: Paint,
): string {
  return `${paint.cyan(scopeText(scope))} ${paint.red('fell')} from ${from.score.toFixed(1)} to ${score.toFixed(1)}`;
}
