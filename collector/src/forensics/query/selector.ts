/** Label selectors in kubectl's text form: `app=web,env in (a, b),tier!=cache,owner,!legacy`. */
export type SelectorTerm =
  | { readonly op: 'in' | 'not-in'; readonly key: string; readonly values: readonly string[] }
  | { readonly op: 'exists' | 'absent'; readonly key: string };

export type Selector = readonly SelectorTerm[];

/** The text is no label selector; the message says which term and what to write. */
export class SelectorError extends Error {}

const keyPattern = String.raw`[A-Za-z0-9][A-Za-z0-9_./-]*`;
const valuePattern = String.raw`[A-Za-z0-9_.-]*`;
const setTerm = new RegExp(String.raw`^(${keyPattern})\s+(in|notin)\s*\(([^()]*)\)$`);
const equalityTerm = new RegExp(String.raw`^(${keyPattern})\s*(==|=|!=)\s*(${valuePattern})$`);
const presenceTerm = new RegExp(String.raw`^(!?)\s*(${keyPattern})$`);

/** Throws SelectorError that names the term. An empty text selects everything. */
export function parseSelector(text: string): Selector {
  return splitTerms(text).map(parseTerm);
}

/** Labels' own properties only: a key such as `constructor` is a label or nothing. */
export function matchesSelector(selector: Selector, labels: Readonly<Record<string, string>>): boolean {
  return selector.every((term) => {
    const value = Object.hasOwn(labels, term.key) ? labels[term.key] : undefined;
    switch (term.op) {
      case 'in':
        return value !== undefined && term.values.includes(value);
      case 'not-in':
        return value === undefined || !term.values.includes(value);
      case 'exists':
        return value !== undefined;
      case 'absent':
        return value === undefined;
      default:
        return term satisfies never;
    }
  });
}

/** At commas outside parentheses. */
function splitTerms(text: string): readonly string[] {
  const terms: string[] = [];
  let term = '';
  let depth = 0;
  for (const char of text) {
    if (char === '(') depth += 1;
    if (char === ')') depth -= 1;
    if (char === ',' && depth === 0) {
      terms.push(term);
      term = '';
    } else term += char;
  }
  if (text.trim() !== '') terms.push(term);
  return terms.map((part) => part.trim());
}

function parseTerm(text: string): SelectorTerm {
  const set = setTerm.exec(text);
  if (set !== null) {
    const values = (set[3] ?? '').split(',').map((value) => value.trim());
    return { op: set[2] === 'in' ? 'in' : 'not-in', key: set[1] ?? '', values };
  }
  const equality = equalityTerm.exec(text);
  if (equality !== null)
    return { op: equality[2] === '!=' ? 'not-in' : 'in', key: equality[1] ?? '', values: [equality[3] ?? ''] };
  const presence = presenceTerm.exec(text);
  if (presence !== null) return { op: presence[1] === '!' ? 'absent' : 'exists', key: presence[2] ?? '' };
  throw new SelectorError(`'${text}' is not a label selector: use app=web, env!=prod, env in (a,b), owner or !owner`);
}
