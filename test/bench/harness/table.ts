/** Reports for people. */
import type { Comparison } from './compare.ts';
import type { Report } from './report.ts';

export function figuresTable(reports: readonly Report[]): string {
  const rows = reports.flatMap(({ bench, figures, bars = {} }) =>
    Object.entries(figures).map(([name, value]) => {
      const bar = bars[name];
      if (bar === undefined) return [bench, name, String(value), ''];
      const reaches = (mark: number): boolean => (bar.better === 'lower' ? value <= mark : value >= mark);
      const verdict = reaches(bar.goal) ? 'goal reached' : reaches(bar.bar) ? 'bar reached' : 'BELOW THE BAR';
      return [bench, name, String(value), `${verdict} (bar ${bar.bar}, goal ${bar.goal})`];
    }),
  );
  return table(['bench', 'figure', 'value', 'asked for'], rows);
}

export function comparisonTable(comparisons: readonly Comparison[]): string {
  const rows = comparisons.map(({ bench, ratio, value, baseline, times, complaint }) => {
    const change = times === undefined ? 'new' : `${times.toFixed(2)}×`;
    return [bench, ratio, String(value), baseline === undefined ? '' : String(baseline), change, complaint];
  });
  return table(['bench', 'ratio', 'now', 'baseline', 'worse by', ''], rows);
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((title, column) => Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)));
  const line = (row: readonly string[]): string =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd();
  return [line(head), line(widths.map((width) => '─'.repeat(width))), ...rows.map(line)].join('\n');
}
