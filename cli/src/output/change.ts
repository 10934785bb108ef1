/** One change for people: when, where, what, who, why it was allowed, and what it broke or mended. */
import type {
  ApiApproval,
  ApiChange,
  ApiChangeVerdict,
  ApiFieldChange,
  ApiTransition,
  ApiWho,
  Json,
} from '@driftline/proto';
import { fallText } from './score.ts';
import { localTime, type Paint, printable, shorten } from './text.ts';

const valueWidth = 72;
const fieldsShown = 8;
const findingsShown = 6;
const severities = ['critical', 'high', 'medium', 'low', 'info'] as const;

export function changeBlock(change: ApiChange, options: { readonly paint: Paint; readonly isWide: boolean }): string {
  const { paint, isWide } = options;
  const opColour = { created: paint.green, modified: paint.yellow, deleted: paint.red, snapshot: paint.dim }[change.op];
  const head = `${paint.bold(isWide ? change.observedAt : localTime(change.observedAt))}  ${opColour(change.op)}  ${paint.cyan(objectName(change))}  ${paint.dim(`in ${printable(change.object.cluster)}`)}`;
  const what = fieldLines(change, isWide).map((line, index) => [index === 0 ? 'what' : '', line]);
  const findings = findingLines(change, options).map((line, index) => [index === 0 ? 'findings' : '', line]);
  const verdicts = change.verdicts.map((verdict, index) => [
    index === 0 ? 'policy' : '',
    verdictLine(verdict, change, options),
  ]);
  const falls = change.regressions.map((fall, index) => [index === 0 ? 'score' : '', fallText(fall, paint)]);
  const lines = [
    // Who made an object that was there before is not known and not asked.
    ...(change.op === 'snapshot'
      ? what
      : [['who', whoLine(change.who, isWide)], ['origin', originLine(change, paint)], ...what]),
    ...(change.op === 'snapshot' ? [] : [['approval', approvalLine(change.approval, isWide)]]),
    ...verdicts,
    ...findings,
    ...falls,
    ...(isWide ? wideLines(change) : []),
  ];
  return [head, ...lines.map(([label = '', text = '']) => `  ${paint.dim(label.padEnd(9))}${text}`)].join('\n');
}

function originLine({ origin, who }: ApiChange, paint: Paint): string {
  if (origin.evidence === '' || who.confidence === 'none') return origin.kind;
  return `${origin.kind}  ${paint.dim(printable(origin.evidence))}`;
}

/** The same on one line, for `--oneline`. */
export function changeLine(change: ApiChange): readonly string[] {
  const opened = change.findings.filter((finding) => finding.state === 'opened' || finding.state === 'reopened').length;
  const resolved = change.findings.filter((finding) => finding.state === 'resolved').length;
  const violated = change.verdicts.filter((verdict) => verdict.state === 'fail').length;
  const findings = [
    opened > 0 ? `+${opened}` : '',
    resolved > 0 ? `-${resolved}` : '',
    violated > 0 ? `!${violated}` : '',
  ]
    .filter((text) => text !== '')
    .join(' ');
  const paths = change.fields.map((field) => field.path);
  return [
    localTime(change.observedAt),
    change.object.cluster,
    objectName(change),
    change.op,
    shorten(paths.slice(0, 2).join(', ') + (paths.length > 2 ? ` +${paths.length - 2}` : ''), 60),
    shorten(change.who.user === '' ? change.who.managers.slice(0, 1).join('') || '?' : change.who.user, 48),
    change.origin.kind,
    shorten(change.approval.find(({ state }) => state === 'verified' || state === 'claimed')?.value ?? 'none', 30),
    findings,
  ];
}

function objectName(change: ApiChange): string {
  const { kind, namespace, name } = change.object;
  return printable(`${kind} ${namespace === '' ? '' : `${namespace}/`}${name}`);
}

function whoLine(who: ApiWho, isWide: boolean): string {
  if (who.confidence === 'none') return 'unknown (no audit event, no field manager)';
  const managers = who.managers.length === 0 ? '' : `field manager ${who.managers.join(', ')}`;
  if (who.user === '') return printable(`${managers} (${who.confidence})`);
  const impersonated = who.impersonatedUser === '' ? '' : ` acting as ${who.impersonatedUser}`;
  const from = who.sourceIps.length === 0 ? '' : ` from ${who.sourceIps.join(', ')}`;
  const agent = who.userAgent === '' ? '' : ` by ${isWide ? who.userAgent : shorten(who.userAgent, 40)}`;
  const groups = isWide && who.groups.length > 0 ? ` groups ${who.groups.join(', ')}` : '';
  return printable(`${who.user}${impersonated} (${who.confidence})${from}${agent}${groups}`);
}

function fieldLines(change: ApiChange, isWide: boolean): readonly string[] {
  if (change.op === 'created') return ['the object is new'];
  if (change.op === 'snapshot') return ['first sight of the object: it was there before'];
  if (change.op === 'deleted')
    return [change.synthesised ? 'the object is gone (seen missing in a list)' : 'the object is gone'];
  const shown = isWide ? change.fields : change.fields.slice(0, fieldsShown);
  const more = change.fields.length - shown.length;
  return [
    ...shown.map((field) => fieldLine(field, isWide)),
    ...(more > 0 ? [`… and ${more} more fields (-o wide shows all)`] : []),
  ];
}

export function fieldLine(field: ApiFieldChange, isWide: boolean): string {
  const width = isWide ? Number.MAX_SAFE_INTEGER : valueWidth;
  const before = field.before === undefined ? undefined : shorten(valueText(field.before), width);
  const after = field.after === undefined ? undefined : shorten(valueText(field.after), width);
  const path = printable(field.path);
  if (before === undefined) return `${path}: + ${after ?? ''}`;
  if (after === undefined) return `${path}: - ${before}`;
  return `${path}: ${before} → ${after}`;
}

function valueText(value: Json): string {
  return printable(typeof value === 'string' ? value : JSON.stringify(value));
}

/** Only evidence about this change counts; what else the object carries is told in wide. */
function approvalLine(approval: readonly ApiApproval[], isWide: boolean): string {
  const list = (state: ApiApproval['state']) =>
    approval
      .filter((evidence) => evidence.state === state)
      .map((evidence) => printable(`${evidence.type} ${evidence.value}`) + commitText(evidence, isWide))
      .join('; ');
  const told = (['verified', 'claimed'] as const).flatMap((state) => {
    const text = list(state);
    return text === '' ? [] : [`${text} (${state})`];
  });
  const others = [
    ['on the object from before', list('earlier')],
    ['about the object only', list('object')],
  ].filter(([, text]) => isWide && text !== '');
  return [
    told.length === 0 ? 'none found' : told.join('; '),
    ...others.map(([label = '', text = '']) => `${label}: ${text}`),
  ].join('; ');
}

/** `: "<subject>" by <author>, #12, approved-by …`; '' when the evidence names no known commit. */
function commitText({ commit, commitProblem }: ApiApproval, isWide: boolean): string {
  if (commit === undefined) return commitProblem === undefined || !isWide ? '' : printable(` [${commitProblem}]`);
  const { subject, author, pullRequest, trailers, signature, branch, isOnBranch } = commit;
  const parts = [
    `: "${subject}" by ${author.name} <${author.email}>`,
    ...(pullRequest === null ? [] : [pullRequest.reference]),
    ...trailers.filter(({ type }) => isWide || type !== 'signed-off-by').map(({ type, value }) => `${type} ${value}`),
    ...(isOnBranch ? [] : [`NOT on branch ${branch}`]),
    ...(signature.state === 'none' && !isWide ? [] : [`signature ${signature.state} ${signature.signer}`.trimEnd()]),
  ];
  return printable(parts.join(', '));
}

/** `violates medium DL-CHG-001 <title> by <user>  <reason>`. */
function verdictLine(
  { state, severity, control, title, user, reason, paths, bundle }: ApiChangeVerdict,
  { who }: ApiChange,
  { paint, isWide }: { readonly paint: Paint; readonly isWide: boolean },
): string {
  const word = state === 'fail' ? paint.red('violates') : paint.yellow(state);
  // Where it matters who asked, the verdict says whom it took for it.
  const actor = user === '' ? who.impersonatedUser || who.user : user;
  const by = actor === '' || state === 'unjudged' ? '' : ` by ${actor}`;
  const why = [...(isWide ? paths : []), reason, ...(isWide ? [`policies ${bundle}`] : [])].filter(
    (part) => part !== '',
  );
  return `${word} ${severity} ${control} ${printable(`${title}${by}`)}  ${paint.dim(printable(shorten(why.join('; '), isWide ? 1_024 : 160)))}`;
}

/** Most severe first. */
function findingLines(
  change: ApiChange,
  { paint, isWide }: { readonly paint: Paint; readonly isWide: boolean },
): readonly string[] {
  const rank = (finding: ApiTransition): number => severities.indexOf(finding.severity);
  const sorted = change.findings.toSorted((a, b) => rank(a) - rank(b));
  const shown = isWide ? sorted : sorted.slice(0, findingsShown);
  const more = sorted.length - shown.length;
  return [
    ...shown.map((finding) => findingLine(finding, change, paint)),
    ...(more > 0 ? [`… and ${more} more findings (-o wide shows all)`] : []),
  ];
}

function findingLine(finding: ApiTransition, change: ApiChange, paint: Paint): string {
  const { object, path, state } = finding;
  const sign = state === 'resolved' ? paint.green(state) : paint.red(state);
  const isOther = object.kind !== change.object.kind || object.name !== change.object.name;
  const where = [isOther ? `${object.kind}/${object.name}` : '', path].filter((part) => part !== '').join('  ');
  return `${sign} ${finding.severity} ${finding.control} ${printable(finding.title)}${where === '' ? '' : `  ${paint.dim(printable(where))}`}`;
}

function wideLines(change: ApiChange): readonly (readonly string[])[] {
  const { notBefore, notAfter, source } = change.happened;
  return [
    ['happened', `${notBefore === null ? 'before' : `between ${notBefore} and`} ${notAfter} (${source})`],
    ['evidence', printable(change.who.evidence)],
    [
      'change',
      `${change.id}  resourceVersion ${printable(change.resourceVersion)}  uid ${printable(change.object.uid)}`,
    ],
  ];
}
