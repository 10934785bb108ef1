/**
 * When may an audit event be the cause of a change? Pure rules over one pair; correlate.ts finds the pairs.
 *
 * exact: the event names the very version (uid and resourceVersion of the response), or the delete of the very object.
 * probable: object, verb and time fit, and the field managers of the change do not speak against it.
 */
import type { AuditRow, LinkConfidence, VersionRow } from '../timeline/rows.ts';

export type ChangeFacts = Omit<VersionRow, 'body'> & { readonly epoch: string };

export type AuditFacts = Omit<AuditRow, 'event'> & {
  /** The request's fieldManager parameter; '' when it had none or it is no longer known. */
  readonly fieldManager: string;
};

export type LinkLimits = {
  /** How far clocks of agent and API server may disagree, and how late a watch event may be. */
  readonly slackUs: number;
  /** How long before the observation a change may have happened when the agent gave no lower bound. */
  readonly unboundedUs: number;
  /** How long after a deletecollection its deletes may be seen. */
  readonly collectionUs: number;
};

export const defaultLinkLimits: LinkLimits = {
  slackUs: 5_000_000,
  unboundedUs: 60_000_000,
  collectionUs: 60_000_000,
};

export type Match = { readonly confidence: LinkConfidence; readonly score: number; readonly evidence: string };

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

/** Whether the request can have changed anything at all: failed, dry-run and read requests link to nothing. */
export const canCause = (audit: AuditFacts): boolean =>
  audit.stage === 'ResponseComplete' &&
  mutating.has(audit.verb) &&
  audit.code >= 200 &&
  audit.code < 300 &&
  !audit.dryRun &&
  audit.resource !== '' &&
  changing.has(audit.subresource);

export const isDelete = (audit: AuditFacts): boolean => audit.verb === 'delete' || audit.subresource === 'eviction';

const startsDeletion = (change: ChangeFacts): boolean =>
  change.op === 'modified' && change.paths.some((path) => path.startsWith('/metadata/deletion'));

/** Whether a request of this verb makes such a change. */
const verbFits = (audit: AuditFacts, change: ChangeFacts): boolean => {
  if (isDelete(audit) || audit.verb === 'deletecollection') return change.op === 'deleted' || startsDeletion(change);
  if (change.op === 'deleted') return false;
  if (audit.subresource === 'binding') return change.op === 'modified' && change.paths.includes('/spec/nodeName');
  if (audit.subresource !== '') return change.op !== 'created';
  if (audit.verb === 'create') return change.op !== 'modified';
  return true; // an update or a patch; a server-side apply also creates
};

const timeFits = (audit: AuditFacts, change: ChangeFacts, limits: LinkLimits): boolean => {
  const earliest = change.notBeforeUs > 0 ? change.notBeforeUs : change.observedAtUs - limits.unboundedUs;
  return audit.happenedAtUs >= earliest - limits.slackUs && audit.happenedAtUs <= change.observedAtUs + limits.slackUs;
};

/** First word of a manager's name: `kubectl-edit` → `kubectl`, `argocd-controller` → `argocd`. */
const firstWord = (manager: string): string => (manager.split(/[-_/. :]/, 1)[0] ?? '').toLowerCase();

const managerFits = (audit: AuditFacts, manager: string): boolean => {
  if (audit.fieldManager !== '') return audit.fieldManager === manager;
  const word = firstWord(manager);
  return word !== '' && audit.userAgent.toLowerCase().includes(word);
};

const secondUs = 1_000_000;

/** 2 for the name, 1 for the time that a manager of the changed fields gives; undefined when all speak against it. */
const managerScore = (audit: AuditFacts, change: ChangeFacts): number | undefined => {
  if (change.managers.length === 0) return 0;
  let best = 0;
  for (const { manager, timeUs } of change.managers) {
    const named = managerFits(audit, manager) ? 2 : 0;
    const timed = timeUs > 0 && Math.abs(audit.happenedAtUs - timeUs) <= secondUs ? 1 : 0;
    best = Math.max(best, named + timed);
  }
  return best === 0 ? undefined : best;
};

const sameObjectDeleted = (audit: AuditFacts, change: ChangeFacts): boolean =>
  isDelete(audit) && change.op === 'deleted' && audit.uid !== '' && audit.uid === change.uid;

/** Exact: by version, or by uid for deletes. */
export const matchExact = (audit: AuditFacts, change: ChangeFacts): Match | undefined => {
  if (audit.uid === '' || audit.uid !== change.uid) return undefined;
  if (sameObjectDeleted(audit, change))
    return { confidence: 'exact', score: 10, evidence: 'the audit event deletes the object with this uid' };
  if (audit.resourceVersion === '' || audit.resourceVersion !== change.resourceVersion || change.op === 'deleted')
    return undefined;
  return { confidence: 'exact', score: 10, evidence: 'the audit event answers with this uid and resourceVersion' };
};

const managerSentence = [
  '',
  ' and a field manager writes the same second',
  ' and a field manager',
  ' and a field manager and its time',
];

/** Probable: one object, by place, verb, time and field managers. */
export const matchProbable = (audit: AuditFacts, change: ChangeFacts, limits: LinkLimits): Match | undefined => {
  if (audit.uid !== '' && audit.uid !== change.uid) return undefined;
  // An event that names its version links to that version or to none; a delete's version may be its precondition.
  if (audit.resourceVersion !== '' && audit.uid !== '' && !isDelete(audit)) return undefined;
  if (!verbFits(audit, change) || !timeFits(audit, change, limits)) return undefined;
  const score = change.op === 'deleted' ? 1 : managerScore(audit, change);
  if (score === undefined) return undefined;
  const matched = change.op === 'deleted' ? '' : (managerSentence[score] ?? '');
  return { confidence: 'probable', score: score + 1, evidence: `object, verb and time${matched} match` };
};

/** Probable: one of the objects that a deletecollection took away. */
export const matchCollection = (audit: AuditFacts, change: ChangeFacts, limits: LinkLimits): Match | undefined => {
  if (audit.verb !== 'deletecollection' || audit.group !== change.group || audit.resource !== change.resource)
    return undefined;
  if (audit.namespace !== '' && audit.namespace !== change.namespace) return undefined;
  if (!verbFits(audit, change)) return undefined;
  const lateUs = change.observedAtUs - audit.happenedAtUs;
  if (lateUs < -limits.slackUs || lateUs > limits.collectionUs) return undefined;
  return { confidence: 'probable', score: 0, evidence: 'a deletecollection of this kind and namespace at that time' };
};
