/**
 * The `cel` section of a control in the words of an admission policy. The names that only controls have become variables
 * (`podSpec` is `variables.podSpec`), `each` becomes `all` over the items, parameters become constants. Everything goes by
 * way of `dyn`: a control asks carefully for fields that not every kind has, which the API server's type check warns of.
 */
import type { ControlMeta, GroupKind } from '../contract.ts';
import { eachOf } from '../language/cel-scope.ts';
import { podBearingKinds, podParentOf } from '../language/pod-template.ts';
import type { CelSource } from '../load/bundle.ts';
import type { CelSection, CelValidation } from '../load/control-file.ts';
import { allOf, anyOf, celString, celStrings, celValue, isOneOf } from './cel-text.ts';
import { mentions, readsField, renamed } from './free-names.ts';

type Named = { readonly name: string; readonly expression: string };

export type PolicySpec = {
  readonly variables: readonly Named[];
  readonly validations: readonly {
    readonly expression: string;
    readonly message: string;
    readonly messageExpression?: string;
  }[];
};

/** Reports of other tools: to hold them back would hide what they found. */
const reportGroups =
  /(^|\.)(wgpolicyk8s\.io|openreports\.io|reports\.kyverno\.io|aquasecurity\.github\.io|softwarecomposition\.kubescape\.io)$/;

/** What the section has that a policy cannot say; undefined: nothing. */
export function unsayable({ section }: CelSource, kinds: readonly GroupKind[]): string | undefined {
  if (kinds.some(({ group }) => reportGroups.test(group)))
    return 'it reads reports of another tool, and must not hold those back';
  const sources = expressionsOf(section);
  if (sources.some((source) => source.includes('redacted(')))
    return 'it looks for what redaction left, and the API server sees the values themselves';
  if (sources.some((source) => readsField(source, 'object', 'status')))
    return 'it reads the status, which other requests write than those that are held';
  const each = eachOf(section.each);
  const told = each === undefined ? [] : [each.pathName, each.indexName];
  const name = section.validations.flatMap(({ expression }) => told.filter((one) => mentions(expression, one))).at(0);
  return name === undefined ? undefined : `its rule reads ${name}, which only a control has`;
}

function expressionsOf({ matchConditions = [], assessable = [], variables = [], each, validations }: CelSection) {
  return [
    ...[...matchConditions, ...assessable, ...variables, ...validations].map(({ expression }) => expression),
    ...(typeof each === 'object' ? [each.in] : []),
  ];
}

export function policySpec(meta: Pick<ControlMeta, 'id' | 'title'>, source: CelSource): PolicySpec {
  return new Writer(source).write(meta);
}

class Writer {
  readonly #source: CelSource;
  readonly #taken: Set<string>;
  readonly #variables: Named[] = [];
  /** Names of controls to what they are in the policy. */
  readonly #names = new Map<string, string>();

  constructor(source: CelSource) {
    this.#source = source;
    this.#taken = new Set((source.section.variables ?? []).map(({ name }) => name));
  }

  write({ id, title }: Pick<ControlMeta, 'id' | 'title'>): PolicySpec {
    const { section, match, params } = this.#source;
    const isUsed = (name: string): boolean => sourcesIn(section).some((source) => mentions(source, name));
    this.#give('object', 'dyn(object)');
    if (isUsed('params')) this.#give('params', `dyn(${celValue(params)})`);
    for (const [name, expression] of Object.entries(podNames)) {
      if (isUsed(name) || (name === 'podSpec' && typeof section.each === 'string')) this.#give(name, expression);
    }
    for (const { name, expression } of section.variables ?? [])
      this.#variables.push({ name, expression: this.#said(expression) });
    const conditions = [
      ...namespaceConditions(match),
      ...(section.matchConditions ?? []).map(({ expression }) => this.#said(expression)),
      ...(section.assessable ?? []).map(({ expression }) => this.#said(expression)),
    ];
    const applies = conditions.length === 0 ? '' : `!${this.#variable('applies', allOf(conditions))} || `;
    const items = this.#items();
    const validations = section.validations.map((validation) =>
      this.#validation(validation, { id, title, applies, items }),
    );
    return { variables: this.#variables, validations };
  }

  #validation(
    { expression, message, messageExpression }: CelValidation,
    {
      id,
      title,
      applies,
      items,
    }: { readonly id: string; readonly title: string; readonly applies: string; readonly items: Items | undefined },
  ): PolicySpec['validations'][number] {
    const rule = this.#said(expression);
    const told = messageExpression === undefined ? undefined : this.#said(messageExpression);
    const isTold = told !== undefined && items?.told.some((name) => mentions(messageExpression ?? '', name)) !== true;
    const text = oneLine(`${id}: ${message ?? title}`);
    const reasons =
      items === undefined ? told : `${items.list}.filter(${items.as}, !(${rule})).map(${items.as}, ${told}).join("; ")`;
    return {
      expression: items === undefined ? `${applies}(${rule})` : `${applies}${items.list}.all(${items.as}, ${rule})`,
      message: text,
      ...(isTold
        ? { messageExpression: `${celString(`${id}: `)} + ${items === undefined ? `(${reasons})` : reasons}` }
        : {}),
    };
  }

  #items(): Items | undefined {
    const { each: asked } = this.#source.section;
    const each = eachOf(asked);
    if (each === undefined) return undefined;
    const lists = each.podLists?.map((list) => `${this.#names.get('podSpec')}.?${list}.orValue([])`);
    const list = lists?.join(' + ') ?? (typeof asked === 'object' ? nonNull(this.#said(asked.in)) : '[]');
    return { as: each.as, list: this.#variable('items', list), told: [each.pathName, each.indexName] };
  }

  /** The expression with the names of the policy. */
  #said(source: string): string {
    return renamed(source, this.#names).trim();
  }

  #give(name: string, expression: string): void {
    this.#names.set(name, this.#variable(name, expression));
  }

  /** What a new variable is called: an author may have the name already. */
  #variable(wanted: string, expression: string): string {
    let name = wanted;
    while (this.#taken.has(name)) name = `${name}_`;
    this.#taken.add(name);
    this.#variables.push({ name, expression });
    return `variables.${name}`;
  }
}

/** Admission sees null where a manifest has nothing: an API server writes out the lists that its types do not leave out. */
const nonNull = (list: string): string => `optional.ofNonZeroValue(dyn(${list})).orValue([])`;

type Items = { readonly as: string; readonly list: string; readonly told: readonly string[] };

function sourcesIn(section: CelSection): readonly string[] {
  return [
    ...expressionsOf(section),
    ...section.validations.flatMap(({ messageExpression }) =>
      messageExpression === undefined ? [] : [messageExpression],
    ),
  ];
}

const byKind = (of: (parent: readonly string[]) => string): string => {
  const kindsOf = new Map<string, string[]>();
  for (const kind of podBearingKinds) {
    const text = of(podParentOf(kind) ?? []);
    kindsOf.set(text, [...(kindsOf.get(text) ?? []), kind.kind]);
  }
  // Most kinds have one place, which needs no question.
  const places = [...kindsOf].sort(([, a], [, b]) => a.length - b.length);
  const [usual = ['', []]] = places.splice(-1);
  return places.reduceRight(
    (rest, [text, [kind = '']]) => `object.kind == ${celString(kind)} ? ${text} : ${rest}`,
    usual[0],
  );
};

const part = (name: string) =>
  byKind((parent) => `dyn(object)${[...parent, name].map((step) => `.?${step}`).join('')}.orValue({})`);
const place = (name: string) => byKind((parent) => celString([...parent, name].join('.')));

const podNames = {
  podSpec: part('spec'),
  podMeta: part('metadata'),
  podPath: place('spec'),
  podMetaPath: place('metadata'),
};

/** Cluster-scoped objects are not concerned. */
function namespaceConditions({ namespaces }: CelSource['match']): readonly string[] {
  const text = 'object.metadata.namespace';
  const isClusterScoped = `!has(${text})`;
  return [
    ...(namespaces?.include === undefined ? [] : [anyOf([isClusterScoped, isOneOf(text, namespaces.include)])]),
    ...(namespaces?.exclude === undefined ? [] : [anyOf([isClusterScoped, `!(${isOneOf(text, namespaces.exclude)})`])]),
  ];
}

/** Names are checked where they are used: this is for texts of people. */
function oneLine(text: string): string {
  return text.replaceAll(/\s+/g, ' ').trim();
}

const controllers = [
  'system:kube-controller-manager',
  ...['cronjob', 'daemon-set', 'deployment', 'job', 'replicaset', 'replication', 'statefulset'].map(
    (name) => `system:serviceaccount:kube-system:${name}-controller`,
  ),
];

/**
 * What a pod-bearing object controls is judged there, and what a controller makes of it is let through. Anybody can write
 * an owner into an object: it counts only from the controllers themselves.
 */
export const ownershipCondition = `!(request.userInfo.username in ${celStrings(controllers)} && has(object.metadata.ownerReferences) && object.metadata.ownerReferences.exists(o, has(o.controller) && o.controller && (${anyOf(
  [...Map.groupBy(podBearingKinds, ({ group }) => group)].map(([group, kinds]) =>
    allOf([
      group === '' ? 'o.apiVersion == "v1"' : `o.apiVersion.startsWith(${celString(`${group}/`)})`,
      `o.kind in ${celStrings(kinds.map(({ kind }) => kind))}`,
    ]),
  ),
)})))`;
