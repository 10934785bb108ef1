/** Open findings by severity, for each scope that a posture is given for. */
import type { Category, FindingState, Severity } from '@driftline/policy';

export type SeverityCounts = Readonly<Record<Severity, number>>;
type MutableCounts = Record<Severity, number>;

export type OpenFindings = {
  move(finding: {
    readonly findingId: string;
    readonly state: FindingState;
    readonly severity: Severity;
    readonly control: string;
    readonly namespace: string;
  }): void;
  /** Counts everything again, after categories of controls have changed. */
  recount(): void;
  in(scope: string): SeverityCounts;
  scopes(): Iterable<string>;
};

const none = (): MutableCounts => ({ critical: 0, high: 0, medium: 0, low: 0, info: 0 });

export const createOpenFindings = (categoryOf: (control: string) => Category | undefined): OpenFindings => {
  type Open = { readonly severity: Severity; readonly control: string; readonly namespace: string };
  const open = new Map<string, Open & { readonly scopes: readonly string[] }>();
  const counts = new Map<string, MutableCounts>();

  const count = (scopes: readonly string[], severity: Severity, by: 1 | -1): void => {
    for (const scope of scopes) {
      const inScope = counts.get(scope) ?? none();
      inScope[severity] += by;
      counts.set(scope, inScope);
    }
  };
  const scopesOf = (control: string, namespace: string): readonly string[] => {
    const category = categoryOf(control);
    return [
      'cluster',
      ...(namespace === '' ? [] : [`namespace:${namespace}`]),
      ...(category === undefined ? [] : [`category:${category}`]),
    ];
  };

  return {
    move({ findingId, state, severity, control, namespace }) {
      const before = open.get(findingId);
      const isOpen = state !== 'resolved' && state !== 'excepted';
      // An update of a finding that stays open counts as it did.
      if (isOpen && before?.severity === severity) return;
      if (before !== undefined) {
        count(before.scopes, before.severity, -1);
        open.delete(findingId);
      }
      if (!isOpen) return;
      const scopes = scopesOf(control, namespace);
      open.set(findingId, { severity, control, namespace, scopes });
      count(scopes, severity, 1);
    },
    recount() {
      for (const [findingId, finding] of open) {
        count(finding.scopes, finding.severity, -1);
        const scopes = scopesOf(finding.control, finding.namespace);
        open.set(findingId, { ...finding, scopes });
        count(scopes, finding.severity, 1);
      }
    },
    in: (scope) => ({ ...(counts.get(scope) ?? none()) }),
    scopes: () => counts.keys(),
  };
};
