/** What is wrong with a policy file, where: for people who fix it and for tools that jump there. */
export type PolicyProblem = {
  readonly code:
    | 'bad-yaml'
    | 'bad-shape'
    | 'bad-cel'
    | 'bad-rego'
    | 'unknown-relation'
    | 'unknown-requirement'
    | 'unknown-reference'
    | 'not-evaluated'
    | 'duplicate'
    | 'not-supported'
    | 'limit';
  readonly file: string;
  /** Both from 1. */
  readonly line: number;
  readonly column: number;
  readonly reason: string;
};

/** `controls/x.yaml:3:7: reason` */
export function problemText({ file, line, column, reason }: PolicyProblem): string {
  return `${file}:${line}:${column}: ${reason}`;
}
