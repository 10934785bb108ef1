import { CelOpaque, costSize } from '../equality.ts';
import { define, type CostRule, type Definition } from '../signature.ts';
import { isCivilDate, parseTimestamp } from '../time.ts';
import { isError, none, some, type Value } from '../value.ts';
import { walk } from './cost.ts';
import { parseUrl } from './url-parts.ts';

/** A named format of Kubernetes: answers what is wrong with a text. */
export class CelFormat extends CelOpaque {
  readonly celKind = 'kubernetes.NamedFormat';
  readonly name: string;
  /** What validation costs, as if by a regular expression this long. */
  readonly regexSize: number;
  readonly problems: (text: string) => readonly string[];
  constructor(name: string, regexSize: number, problems: (text: string) => readonly string[]) {
    super();
    this.name = name;
    this.regexSize = regexSize;
    this.problems = problems;
  }
  equals(other: CelOpaque): boolean {
    return other instanceof CelFormat && other.name === this.name;
  }
  override toString(): string {
    return this.name;
  }
}

function regexProblem(message: string, pattern: string, examples: readonly string[]): string {
  const shown = examples.map((example) => `'${example}', `).join(' or ');
  return `${message} (e.g. ${shown}regex used for validation is '${pattern}')`;
}

const tooLong = (text: string, limit: number): readonly string[] =>
  text.length > limit ? [`must be no more than ${limit} characters`] : [];

type Rule = {
  readonly limit: number;
  readonly pattern: string;
  readonly message: string;
  readonly examples: readonly string[];
};

function check(text: string, { limit, pattern, message, examples }: Rule): readonly string[] {
  const matches = new RegExp(`^(?:${pattern})$`).test(text);
  return [...tooLong(text, limit), ...(matches ? [] : [regexProblem(message, pattern, examples)])];
}

const labelPattern = '[a-z0-9]([-a-z0-9]*[a-z0-9])?';
const dns1123Label: Rule = {
  limit: 63,
  pattern: labelPattern,
  message:
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character",
  examples: ['my-name', '123-abc'],
};
const dns1123Subdomain: Rule = {
  limit: 253,
  pattern: `${labelPattern}(\\.${labelPattern})*`,
  message:
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character",
  examples: ['example.com'],
};
const dns1035Label: Rule = {
  limit: 63,
  pattern: '[a-z]([-a-z0-9]*[a-z0-9])?',
  message:
    "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character",
  examples: ['my-name', 'abc-123'],
};
const qualifiedPart: Rule = {
  limit: 63,
  pattern: '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]',
  message:
    "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character",
  examples: ['MyName', 'my.name', '123-abc'],
};
const labelValue: Rule = {
  limit: 63,
  pattern: '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?',
  message:
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character",
  examples: ['MyValue', 'my_value', '12345'],
};

/** A prefix may end in a dash, since a generated name goes on after it. */
const unmasked = (text: string): string => (text.length > 1 && text.endsWith('-') ? `${text.slice(0, -2)}a` : text);

const nonEmpty = (text: string, rule: Rule): readonly string[] =>
  text === '' ? ['must be non-empty'] : check(text, rule);

function qualifiedName(text: string): readonly string[] {
  const parts = text.split('/');
  const [prefix = '', name = prefix] = parts;
  if (parts.length > 2) {
    const problem = regexProblem(qualifiedPart.message, qualifiedPart.pattern, qualifiedPart.examples);
    return [`a qualified name ${problem} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')`];
  }
  const prefixProblems =
    parts.length === 2 ? nonEmpty(prefix, dns1123Subdomain).map((problem) => `prefix part ${problem}`) : [];
  return [...prefixProblems, ...nonEmpty(name, qualifiedPart).map((problem) => `name part ${problem}`)];
}

const unless = (holds: boolean, problem: string): readonly string[] => (holds ? [] : [problem]);

const uuid = /^[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}$/i;
const base64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

function isDate(text: string): boolean {
  const match = /^(\d{4})-(\d{2})-(\d{2})$/.exec(text);
  return match !== null && isCivilDate(Number(match[1]), Number(match[2]), Number(match[3]));
}

function uriProblems(text: string): readonly string[] {
  const parts = parseUrl(text);
  return typeof parts === 'string' ? [parts] : [];
}

const formats: readonly CelFormat[] = [
  new CelFormat('dns1123Label', 30, (text) => check(text, dns1123Label)),
  new CelFormat('dns1123Subdomain', 60, (text) => check(text, dns1123Subdomain)),
  new CelFormat('dns1035Label', 30, (text) => check(text, dns1035Label)),
  new CelFormat('qualifiedName', 60, qualifiedName),
  new CelFormat('dns1123LabelPrefix', 30, (text) => check(unmasked(text), dns1123Label)),
  new CelFormat('dns1123SubdomainPrefix', 60, (text) => check(unmasked(text), dns1123Subdomain)),
  new CelFormat('dns1035LabelPrefix', 30, (text) => check(unmasked(text), dns1035Label)),
  new CelFormat('labelValue', 40, (text) => check(text, labelValue)),
  new CelFormat('uri', 1103, uriProblems),
  new CelFormat('uuid', 70, (text) => unless(uuid.test(text), 'does not match the UUID format')),
  new CelFormat('byte', 84, (text) => unless(base64.test(text), 'invalid base64')),
  new CelFormat('date', 70, (text) => unless(isDate(text), 'invalid date')),
  new CelFormat('datetime', 70, (text) => unless(!isError(parseTimestamp(text)), 'invalid datetime')),
];

const byName: ReadonlyMap<string, CelFormat> = new Map(formats.map((format) => [format.name, format]));

function named(name: string): Value {
  const format = byName.get(name);
  return format === undefined ? none : some(format);
}

function validate(format: CelFormat, text: string): Value {
  const problems = format.problems(text);
  return problems.length === 0 ? none : some(problems);
}

const validateCost: CostRule = (format, text) =>
  walk(1 + costSize(text)) * Math.ceil((format instanceof CelFormat ? format.regexSize : 1) * 0.25);

export const namedFormatDefinitions: readonly Definition[] = [
  define('format.named(string) -> optional<kubernetes.NamedFormat>', named),
  ...formats.map((format) => define(`format.${format.name}() -> kubernetes.NamedFormat`, () => format)),
  define('kubernetes.NamedFormat::validate(string) -> optional<list<string>>', validate, validateCost),
];
