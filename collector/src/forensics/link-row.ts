/** The rows in which the timeline keeps who caused a change. */
import type { LinkRow } from '../timeline/rows.ts';
import type { Cause } from './bench.ts';
import type { ChangeFacts } from './correlate-rules.ts';
import { classifyOrigin } from './origin.ts';

type Place = Pick<
  LinkRow,
  'changeEpoch' | 'changeSequence' | 'group' | 'resource' | 'namespace' | 'name' | 'uid' | 'sequence'
>;

const placeOf = (change: ChangeFacts, sequence: number): Place => ({
  sequence,
  changeEpoch: change.epoch,
  changeSequence: change.sequence,
  group: change.group,
  resource: change.resource,
  namespace: change.namespace,
  name: change.name,
  uid: change.uid,
});

/** `sequence`: of the message that made it known. */
export const linkOf = (change: ChangeFacts, cause: Cause, sequence: number): LinkRow => {
  const { match } = cause;
  const audit = cause.audit.facts;
  const managers = change.managers.map((each) => each.manager);
  const origin = classifyOrigin({ ...audit, managers, gitopsMarked: false });
  return {
    ...placeOf(change, sequence),
    auditDigest: audit.digest,
    confidence: match.confidence,
    evidence: `${match.evidence}; ${origin.evidence}`,
    origin: origin.origin,
    user: audit.user,
    groups: audit.groups,
    impersonatedUser: audit.impersonatedUser,
    sourceIps: audit.sourceIps,
    userAgent: audit.userAgent,
    verb: audit.verb,
    happenedAtUs: audit.happenedAtUs,
  };
};

/** The change has no cause any more: its request turned out to be another change's. */
export const noLinkOf = (change: ChangeFacts, sequence: number): LinkRow => ({
  ...placeOf(change, sequence),
  auditDigest: '',
  confidence: 'none',
  evidence: 'the request that was taken for its cause made another change',
  origin: 'unknown',
  user: '',
  groups: [],
  impersonatedUser: '',
  sourceIps: [],
  userAgent: '',
  verb: '',
  happenedAtUs: 0,
});
