/** Whether a run is worse than the baseline. Only ratios count: times belong to a machine and an hour. */
import type { Ratio, Report } from './report.ts';

/** How many times worse than the baseline a ratio may be, where it does not say so itself. */
export const defaultTolerance = 1.5;

export type Comparison = {
  readonly bench: string;
  readonly ratio: string;
  readonly value: number;
  /** undefined: the baseline does not have it. */
  readonly baseline: number | undefined;
  /** Above 1 is worse than the baseline, whichever way is better. */
  readonly times: number | undefined;
  /** '' when nothing is wrong. */
  readonly complaint: string;
};

export type Baseline = { readonly reports: readonly Pick<Report, 'bench' | 'ratios'>[] };

export function compare(reports: Baseline['reports'], baseline: Baseline): readonly Comparison[] {
  return reports.flatMap(({ bench, ratios }) => {
    const before = baseline.reports.find((one) => one.bench === bench)?.ratios ?? {};
    return Object.entries(ratios).map(([name, ratio]) => compareOne({ bench, name, ratio }, before[name]?.value));
  });
}

type Named = { readonly bench: string; readonly name: string; readonly ratio: Ratio };

function compareOne({ bench, name, ratio }: Named, baseline: number | undefined): Comparison {
  const { value, better, limit, tolerance = defaultTolerance } = ratio;
  const worsening = (from: number): number => (better === 'lower' ? value / from : from / value);
  const times = baseline === undefined ? undefined : worsening(baseline);
  const passesLimit = limit === undefined || (better === 'lower' ? value <= limit : value >= limit);
  const isWorse = times !== undefined && !(times <= tolerance);
  const complaint = [
    ...(passesLimit ? [] : [`beyond its limit of ${limit}`]),
    ...(isWorse ? [`${times.toFixed(2)} times worse than the baseline, ${tolerance} are tolerated`] : []),
  ].join('; ');
  return { bench, ratio: name, value, baseline, times, complaint };
}
