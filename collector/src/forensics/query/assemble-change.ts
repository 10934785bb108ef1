/** One change in its public form, from the rows that speak of it. Pure. */
import {
  type ApiChange,
  type ApiChangeVerdict,
  type ApiOrigin,
  type ApiTransition,
  type ApiWho,
  fieldChanges,
  type JsonObject,
  type ManagerEvidence,
  type Op,
} from '@driftline/proto';
import { approvalOfChange, extractApproval } from '../approval.ts';
import { classifyOrigin } from '../origin.ts';
import type { LinkRow, TransitionRow } from '../../timeline/rows.ts';
import { apiObject, type ObjectColumns, type VersionColumns } from './object-key.ts';
import type { ShortRegression } from './regression-query.ts';
import { toRfc3339 } from './timeline-query.ts';

export type ChangeRow = VersionColumns & {
  readonly epoch: string;
  readonly kind: string;
  readonly apiVersion: string;
  readonly uid: string;
  readonly resourceVersion: string;
  readonly op: Op;
  readonly observedAtUs: number;
  readonly notBeforeUs: number;
  readonly managers: readonly ManagerEvidence[];
  readonly synthesised: boolean;
};

export type LinkColumns = ObjectColumns & Omit<LinkRow, 'sequence' | 'uid'>;

export type TransitionColumns = TransitionRow & { readonly cluster: string; readonly epoch: string };

export type ChangeFacts = {
  readonly row: ChangeRow;
  /** The version before; undefined: there was no object. */
  readonly before: JsonObject | undefined;
  /** The version before has the same uid: it is not a namesake that was there earlier. */
  readonly isSameObject: boolean;
  readonly after: JsonObject | undefined;
  readonly link: LinkColumns | undefined;
  readonly transitions: readonly TransitionColumns[];
  readonly regressions: readonly ShortRegression[];
  readonly verdicts: readonly ApiChangeVerdict[];
};

export function assembleChange(facts: ChangeFacts): ApiChange {
  const { row, after, link } = facts;
  const before = facts.isSameObject || after === undefined ? facts.before : undefined;
  const object = after ?? before;
  const origin = originOf(row, link, object);
  return {
    id: changeId(row),
    object: apiObject(row),
    apiVersion: row.apiVersion,
    resourceVersion: row.resourceVersion,
    op: row.op === 'snapshot' && before !== undefined ? 'modified' : row.op,
    observedAt: toRfc3339(row.observedAtUs),
    happened: happened(row, link),
    fields: before === undefined || after === undefined ? [] : fieldChanges(before, after),
    who: whoOf(row, link),
    origin,
    approval: approvalOfChange(before, after, { origin: origin.kind, isHelm: isHelm(row, link) }),
    findings: facts.transitions.map(transition),
    verdicts: facts.verdicts,
    regressions: facts.regressions,
    synthesised: row.synthesised,
  };
}

/** `<epoch>:<sequence>`; objects that one list showed to be gone share a sequence and are told apart by `.index`. */
export function changeId(row: { readonly epoch: string; readonly sequence: number; readonly index: number }): string {
  return `${row.epoch}:${row.sequence}${row.index === 0 ? '' : `.${row.index}`}`;
}

function isHelm(row: ChangeRow, link: LinkColumns | undefined): boolean {
  return /^helm\b/i.test(link?.userAgent ?? '') || row.managers.some(({ manager }) => /^helm$/i.test(manager));
}

/** Who wrote an object's fields says nothing of who deleted it. */
function claimingManagers({ op, managers }: ChangeRow): ChangeRow['managers'] {
  return op === 'deleted' ? [] : managers;
}

function whoOf(row: ChangeRow, link: LinkColumns | undefined): ApiWho {
  const managers = claimingManagers(row)
    .toSorted((a, b) => b.paths.length - a.paths.length)
    .map((manager) => manager.manager);
  const unique = [...new Set(managers)];
  if (link === undefined) {
    return {
      user: '',
      groups: [],
      impersonatedUser: '',
      sourceIps: [],
      userAgent: '',
      verb: '',
      managers: unique,
      confidence: unique.length === 0 ? 'none' : 'manager-only',
      evidence:
        unique.length === 0
          ? 'no audit event was seen and no field manager claims the change'
          : 'no audit event was seen; the field manager names itself',
    };
  }
  return {
    user: link.user,
    groups: link.groups,
    impersonatedUser: link.impersonatedUser,
    sourceIps: link.sourceIps,
    userAgent: link.userAgent,
    verb: link.verb,
    managers: unique,
    confidence: link.confidence,
    evidence: link.evidence,
  };
}

export function originOf(
  row: ChangeRow,
  link: LinkColumns | undefined,
  object: JsonObject | undefined,
): ApiChange['origin'] {
  const approval = object === undefined ? [] : extractApproval(object);
  return classified(
    row,
    link,
    approval.some((evidence) => evidence.type === 'gitops-application'),
  );
}

/** The origins that a change can have, as far as that is known without its object. */
export function possibleOrigins(row: ChangeRow, link: LinkColumns | undefined): readonly ApiOrigin[] {
  return [false, true].map((gitopsMarked) => classified(row, link, gitopsMarked).kind);
}

function classified(row: ChangeRow, link: LinkColumns | undefined, gitopsMarked: boolean): ApiChange['origin'] {
  const verdict = classifyOrigin({
    user: link?.user ?? '',
    groups: link?.groups ?? [],
    impersonatedUser: link?.impersonatedUser ?? '',
    userAgent: link?.userAgent ?? '',
    managers: claimingManagers(row).map((manager) => manager.manager),
    gitopsMarked: gitopsMarked && row.op !== 'deleted',
  });
  return { kind: link?.origin ?? verdict.origin, evidence: verdict.evidence };
}

/**
 * Between what it cannot have come before and its observation, narrowed by evidence: a field manager's time was written
 * before the change was committed (how long before is unknown: admission may take its time), a request was answered after.
 */
function happened(row: ChangeRow, link: LinkColumns | undefined): ApiChange['happened'] {
  const { observedAtUs } = row;
  const newestUs = Math.max(0, ...row.managers.map((manager) => manager.timeUs).filter((us) => us <= observedAtUs));
  const notBeforeUs = Math.max(newestUs, row.notBeforeUs);
  if (link !== undefined) {
    // A deletion that had to wait ends later than the request for it.
    const isWaiting = row.op === 'deleted' && link.happenedAtUs < notBeforeUs;
    const notAfterUs = isWaiting ? observedAtUs : Math.min(link.happenedAtUs, observedAtUs);
    return {
      notBefore: notBeforeUs === 0 ? null : toRfc3339(Math.min(notBeforeUs, notAfterUs)),
      notAfter: toRfc3339(notAfterUs),
      source: 'audit',
    };
  }
  if (newestUs > 0 && newestUs >= row.notBeforeUs) {
    return { notBefore: toRfc3339(newestUs), notAfter: toRfc3339(observedAtUs), source: 'managed-fields' };
  }
  return {
    notBefore: notBeforeUs === 0 ? null : toRfc3339(notBeforeUs),
    notAfter: toRfc3339(observedAtUs),
    source: 'watch',
  };
}

function transition(row: TransitionColumns): ApiTransition {
  return {
    findingId: row.findingId,
    state: row.state,
    control: row.control,
    title: row.title,
    severity: row.severity,
    object: apiObject(row),
    path: row.path,
    value: row.value,
    reason: row.reason,
    bundle: row.bundle,
    cause: row.cause,
    at: toRfc3339(row.atUs),
    changeId: row.cause === 'change' ? `${row.epoch}:${row.sequence}` : null,
  };
}
