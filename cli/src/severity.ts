/** Severities, least severe first. */
export const severities = ['info', 'low', 'medium', 'high', 'critical'] as const;

export type Severity = (typeof severities)[number];

export function isSeverity(text: string): text is Severity {
  return severities.some((severity) => severity === text);
}

export function severityRank(severity: Severity): number {
  return severities.indexOf(severity);
}
