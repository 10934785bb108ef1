/**
 * When may an audit event be the cause of a change? Pure rules over one pair; assign-causes.ts decides between pairs.
 *
 * exact: the event names the very version (uid and resourceVersion of the answer), or the delete of the very object.
 * probable: object, verb and time fit, and the field managers of the change do not speak against it.
 *
 * Times are the API server's: a request is received, changes the object, and is answered; the change is observed later.
 */
import type { AuditHints, AuditRow, LinkConfidence, VersionRow } from '../timeline/rows.ts';

export type ChangeFacts = Omit<VersionRow, 'body'> & { readonly epoch: string };

export type AuditFacts = Omit<AuditRow, 'event'> & AuditHints;

export type LinkLimits = {
  /** How far the clocks of API servers, and of agents that have just begun to follow one, may disagree. */
  readonly slackUs: number;
  /** How long an answer is taken for that of the change itself, and not of a request that came after and changed nothing. */
  readonly liveUs: number;
  /** How long after a deletecollection its deletes may be seen. */
  readonly collectionUs: number;
};

export const defaultLinkLimits: LinkLimits = {
  slackUs: 1_000_000,
  liveUs: 5_000_000,
  collectionUs: 60_000_000,
};

/** What was known of the object before a change. */
export type Before = {
  /** resourceVersion; '' when none was seen. */
  readonly version: string;
  /** The newest time of a field manager; 0 when none was seen. */
  readonly managersUs: number;
};

export type Match = {
  readonly confidence: Exclude<LinkConfidence, 'none'>;
  /** Higher is better, among probable matches. */
  readonly score: number;
  readonly evidence: string;
};

const mutating = new Set(['create', 'update', 'patch', 'delete', 'deletecollection']);
/** Subresources whose requests change the object itself. */
const changing = new Set([
  '',
  'status',
  'scale',
  'binding',
  'eviction',
  'ephemeralcontainers',
  'resize',
  'approval',
  'finalize',
]);

/** Whether the request can have changed anything at all: failed, dry-run, no-op and read requests link to nothing. */
export const canCause = (audit: AuditFacts): boolean =>
  audit.stage === 'ResponseComplete' &&
  mutating.has(audit.verb) &&
  audit.code >= 200 &&
  audit.code < 300 &&
  !audit.dryRun &&
  audit.resource !== '' &&
  changing.has(audit.subresource) &&
  !isNoop(audit);

/** By its own words: the answer is the version that the request had seen. */
const isNoop = (audit: AuditFacts): boolean =>
  audit.resourceVersion !== '' && audit.verb !== 'delete' && audit.requestVersion === audit.resourceVersion;

export const isDelete = (audit: AuditFacts): boolean => audit.verb === 'delete' || audit.subresource === 'eviction';

/** Such an event links to the version that it names or to none; of a delete it can be the version it asked for. */
export const namesVersion = (audit: AuditFacts): boolean =>
  audit.uid !== '' && audit.resourceVersion !== '' && !isDelete(audit);

/** The deletion of an object that has to wait for its finalizers or its grace period: it is marked, and goes later. */
export const startsDeletion = (change: ChangeFacts): boolean =>
  change.op === 'modified' && change.paths.some((path) => path.startsWith('/metadata/deletion'));

/** The delete answers with the very version that was the object's end: it was this request that took the object away. */
export const takesAway = (audit: AuditFacts, change: ChangeFacts): boolean =>
  isDelete(audit) &&
  change.op === 'deleted' &&
  audit.uid !== '' &&
  audit.uid === change.uid &&
  audit.resourceVersion === change.resourceVersion;

/** Whether a request of this verb makes such a change. */
const verbFits = (audit: AuditFacts, change: ChangeFacts): boolean => {
  if (isDelete(audit) || audit.verb === 'deletecollection') return change.op === 'deleted' || startsDeletion(change);
  if (change.op === 'deleted' || startsDeletion(change)) return false;
  if (audit.subresource === 'binding') return change.op === 'modified' && change.paths.includes('/spec/nodeName');
  if (audit.subresource !== '') return change.op !== 'created';
  if (audit.verb === 'create') return change.op !== 'modified';
  return true; // an update or a patch; a server-side apply also creates
};

const secondUs = 1_000_000;

/** The newest field manager's time was written before the change was committed. One in the future is somebody's invention. */
export const newestManagerUs = (change: ChangeFacts): number =>
  change.managers.reduce(
    (newest, { timeUs }) => (timeUs <= change.observedAtUs ? Math.max(newest, timeUs) : newest),
    0,
  );

/** When it probably happened: just before it was observed, or in its manager's second where that is long before. */
const likelyAtUs = (change: ChangeFacts): number => {
  const managerUs = newestManagerUs(change);
  const isLate = managerUs > 0 && change.observedAtUs - managerUs > 2 * secondUs;
  return isLate ? managerUs + secondUs / 2 : change.observedAtUs;
};

/** Received before the change was observed, answered after it was committed. */
const timeFits = (audit: AuditFacts, change: ChangeFacts, { slackUs }: LinkLimits): boolean =>
  audit.receivedAtUs <= change.observedAtUs + slackUs &&
  audit.happenedAtUs >= Math.max(change.notBeforeUs, newestManagerUs(change)) - slackUs;

/** What the API server calls the manager of a request that names none. */
const managerOf = (audit: AuditFacts): string =>
  audit.fieldManager === '' ? (audit.userAgent.split('/', 1)[0] ?? '') : audit.fieldManager;

/** First word of a manager's name: `kubectl-edit` → `kubectl`, `argocd-controller` → `argocd`. */
const firstWord = (manager: string): string => (manager.split(/[-_/. :]/, 1)[0] ?? '').toLowerCase();

const nameFits = (audit: AuditFacts, manager: string): boolean => {
  if (managerOf(audit) === manager) return true;
  if (audit.fieldManager !== '') return false;
  const word = firstWord(manager);
  return word !== '' && audit.userAgent.toLowerCase().includes(word);
};

/** Managers give whole seconds, cut, of a moment between the request and its answer. */
const secondFits = (audit: AuditFacts, timeUs: number, slackUs: number): boolean =>
  timeUs > 0 && timeUs > audit.receivedAtUs - secondUs - slackUs && timeUs <= audit.happenedAtUs + slackUs;

/** The very manager of this request wrote when it was answered. */
const isSupported = (audit: AuditFacts, change: ChangeFacts): boolean =>
  change.managers.some(({ manager, timeUs }) => manager === managerOf(audit) && secondFits(audit, timeUs, 0));

/** 2 for the name, 1 for the time that a manager of the changed fields gives; undefined when all speak against it. */
const managerScore = (audit: AuditFacts, change: ChangeFacts): number | undefined => {
  if (change.managers.length === 0) return 0;
  let best = 0;
  for (const { manager, timeUs } of change.managers) {
    const named = nameFits(audit, manager) ? 2 : 0;
    const timed = secondFits(audit, timeUs, secondUs) ? 1 : 0;
    best = Math.max(best, named + timed);
  }
  return best === 0 ? undefined : best;
};

/** Somebody whose entry is new (or of whom nothing was known before) wrote in this change. */
const hasNewManager = (change: ChangeFacts, before: Before): boolean => newestManagerUs(change) > before.managersUs;

export const answered = 'the audit event answers with this uid and resourceVersion';

/**
 * By version, or by uid for deletes. A request that changed nothing answers with the version it found, which another
 * request made: so an answer is exact only with a sign that the change is its own, and no cause when it came after.
 */
export const matchNamed = (
  audit: AuditFacts,
  change: ChangeFacts,
  before: Before,
  limits: LinkLimits,
): Match | undefined => {
  if (audit.uid === '' || audit.uid !== change.uid) return undefined;
  if (isDelete(audit) && change.op === 'deleted')
    return { confidence: 'exact', score: 10, evidence: 'the audit event deletes the object with this uid' };
  if (audit.resourceVersion === '' || audit.resourceVersion !== change.resourceVersion || change.op === 'deleted')
    return undefined;
  // A mark and something else at once were two requests, seen together in a list.
  if (isDelete(audit) !== startsDeletion(change) && !isSupported(audit, change)) return undefined;
  if (audit.receivedAtUs > change.observedAtUs + limits.slackUs) return undefined;
  const isLive = audit.receivedAtUs <= change.observedAtUs && audit.happenedAtUs >= change.observedAtUs - limits.liveUs;
  // The API server's own stamps leave no room for another request before it.
  const isTight =
    change.notBeforeUs > audit.receivedAtUs - secondUs && change.notBeforeUs <= audit.happenedAtUs + limits.slackUs;
  const isItsOwn =
    audit.code === 201 ||
    // It asked for another version and got this one.
    audit.requestVersion !== '' ||
    isSupported(audit, change) ||
    // Nobody else can be seen to have written.
    ((isLive || isTight) && !hasNewManager(change, before));
  if (isItsOwn) return { confidence: 'exact', score: 10, evidence: answered };
  const evidence = `${answered}, as one that changed nothing would`;
  return { confidence: 'probable', score: 0, evidence };
};

const managerSentence = [
  '',
  ' and a field manager writes the same second',
  ' and a field manager',
  ' and a field manager and its time',
];

/** Points of a probable match: what the request had seen, who writes, and when. */
const points = { seen: 400, manager: 100, inTime: 50, near: 40 };

/** Probable: one object, by place, verb, time and field managers. */
export const matchProbable = (
  audit: AuditFacts,
  change: ChangeFacts,
  before: Before,
  limits: LinkLimits,
): Match | undefined => {
  if (audit.uid !== '' && audit.uid !== change.uid) return undefined;
  if (namesVersion(audit) || !verbFits(audit, change) || !timeFits(audit, change, limits)) return undefined;
  const isEnd = change.op === 'deleted' || isDelete(audit);
  const managers = isEnd ? 0 : managerScore(audit, change);
  if (managers === undefined) return undefined;
  // What was there at the first look is anybody's, unless its managers say more.
  if (change.op === 'snapshot' && managers < 3) return undefined;
  const hasSeen = audit.requestVersion !== '' && audit.requestVersion === before.version;
  const inTime = audit.receivedAtUs <= change.observedAtUs ? points.inTime : 0;
  const offUs = Math.abs(audit.happenedAtUs - likelyAtUs(change));
  const near = Math.round(points.near / (1 + offUs / secondUs));
  const score = 1 + managers * points.manager + (hasSeen ? points.seen : 0) + inTime + near;
  const seen = hasSeen ? ' and the version it started from' : '';
  const evidence = `object, verb and time${managerSentence[managers] ?? ''}${seen} match`;
  return { confidence: 'probable', score, evidence };
};

/** Probable: one of the objects that a deletecollection took away. */
export const matchCollection = (audit: AuditFacts, change: ChangeFacts, limits: LinkLimits): Match | undefined => {
  if (audit.verb !== 'deletecollection' || audit.group !== change.group || audit.resource !== change.resource)
    return undefined;
  if (audit.namespace !== '' && audit.namespace !== change.namespace) return undefined;
  if (!verbFits(audit, change) || audit.receivedAtUs > change.observedAtUs + limits.slackUs) return undefined;
  if (!change.synthesised && change.observedAtUs - audit.happenedAtUs > limits.collectionUs) return undefined;
  // The mark is the request's; the object itself may go later.
  if (change.op !== 'deleted' && audit.happenedAtUs < change.notBeforeUs - limits.slackUs) return undefined;
  return { confidence: 'probable', score: 0, evidence: 'a deletecollection of this kind and namespace at that time' };
};
