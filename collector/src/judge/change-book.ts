/**
 * Changes, judged by the controls that judge changes. What does not depend on who asked is decided with the change. The
 * rest waits, as long as the correlator may find another cause for it, with what it read of the cluster: whenever the
 * requester becomes another one, the change is judged again, by the cluster and the policies of its own time. So the
 * last verdict is a function of the change, of the changes before it and of the link that counts in the end; when the
 * audit event came, how often, and which process took it have no part in it.
 *
 * A control that later policies change or drop answers no more: what it said last stays.
 */
import {
  type ClusterSource,
  clusterBefore,
  clusterView,
  createChangeControls,
  createChangeJudge,
  exceptControls,
  observedChange,
  verdictReason,
} from '@driftline/policy';
import type {
  ChangeControls,
  ChangeForms,
  ChangeJudge,
  CompiledControl,
  GroupKind,
  KeptReads,
  ObservedChange,
  Requester,
  Verdict,
} from '@driftline/policy';
import { canonicalJson, mayHoldMarker, objectKey } from '@driftline/proto';
import type { JsonObject } from '@driftline/proto';
import type { At, BatchRows } from '../batch-rows.ts';
import { requesterOf } from '../forensics/requester.ts';
import { sha256 } from '../inventory/hash.ts';
import type { Inventory } from '../inventory/inventory.ts';
import type { ChangeVerdictRow, ChangeVerdictState, LinkRow, VersionRow } from '../timeline/rows.ts';
import type { ClusterId, OpenVerdict } from '../timeline/timeline.ts';
import type { PolicyBundle } from './cluster-judge.ts';

export type ChangeBookLimits = {
  /** How long a change waits for another cause, by observation time; the correlator's window. */
  readonly windowUs: number;
  /** Changes that wait at most. The oldest beyond it keep what was said of them last. */
  readonly waitingChanges: number;
  /** Characters of their forms, both together. */
  readonly waitingCharacters: number;
};

export type WaitingLimit = 'waitingChanges' | 'waitingCharacters';

export const defaultChangeBookLimits: ChangeBookLimits = {
  windowUs: 2 * 60 * 60 * 1_000_000,
  waitingChanges: 20_000,
  waitingCharacters: 32 * 1024 * 1024,
};

export type ChangeBook = {
  /** Judges a version that was just applied, with its cause where that is among the links. */
  change(
    row: VersionRow & { readonly epoch: string },
    forms: ChangeForms,
    links: readonly LinkRow[],
    rows: BatchRows,
  ): void;
  /** Causes that became known or others. */
  link(links: readonly LinkRow[], at: At, rows: BatchRows): void;
  adopt(bundle: PolicyBundle): void;
  /** Changes that wait. */
  readonly waiting: number;
};

export type ChangeBookDeps = {
  readonly id: ClusterId;
  readonly bundle: PolicyBundle;
  readonly inventory: Inventory;
  readonly covers: (kind: GroupKind) => boolean;
  readonly limits: ChangeBookLimits;
  readonly onFailure: (error: unknown) => void;
  /**
   * A change waits no longer because more would than the limit allows: who asked is not heard any more. `isNews`: the
   * first one in as long as a change may wait.
   */
  readonly onDropped: (limit: WaitingLimit, isNews: boolean) => void;
};

type Place = Pick<
  ChangeVerdictRow,
  'changeEpoch' | 'changeSequence' | 'group' | 'resource' | 'kind' | 'namespace' | 'name' | 'uid'
>;

type Open = {
  readonly control: CompiledControl;
  readonly kept: KeptReads;
  readonly bundle: string;
  state: ChangeVerdictState | '';
  /** What the last row said, as one text. */
  told: string;
};

type Waiting = {
  readonly place: Place;
  readonly observedAtUs: number;
  /** Canonical JSON; '' where the change has no such form. */
  readonly before: string;
  readonly after: string;
  readonly open: readonly Open[];
};

/** With its uid: the end of an object and the beginning of its namesake can come with one message. */
const changeKey = (
  epoch: string,
  sequence: number,
  object: Parameters<typeof objectKey>[0] & { readonly uid: string },
): string => `${epoch}\n${sequence}\n${object.uid}\n${objectKey(object)}`;

/** Characters that tell a verdict from another: 128 bits. */
const verdictIdCharacters = 32;

const parsed = (text: string): JsonObject | null => (text === '' ? null : (JSON.parse(text) as JsonObject));

const pathsOf = (verdict: Verdict): readonly string[] =>
  'violations' in verdict ? verdict.violations.map(({ path }) => path).filter((path) => path !== '') : [];

/** A control of which nothing is to be said does not apply, or is content. */
const stateOf = ({ verdict }: Verdict): ChangeVerdictState => (verdict === 'not-applicable' ? 'pass' : verdict);

class ChangesOfCluster implements ChangeBook {
  readonly #deps: ChangeBookDeps;
  /** By change and object, oldest first. */
  readonly #waiting = new Map<string, Waiting>();
  #characters = 0;
  #newestUs = 0;
  #toldDroppedUs = Number.NEGATIVE_INFINITY;
  #controls: ChangeControls;
  #bundle: string;

  constructor(deps: ChangeBookDeps, open: readonly OpenVerdict[]) {
    this.#deps = deps;
    this.#bundle = deps.bundle.version;
    this.#controls = controlsOf(deps.bundle, deps.id);
    this.#restore(open);
  }

  get waiting(): number {
    return this.#waiting.size;
  }

  change(
    row: Parameters<ChangeBook['change']>[0],
    forms: ChangeForms,
    links: readonly LinkRow[],
    rows: BatchRows,
  ): void {
    const controls = this.#controls.of(row);
    if (controls.length === 0) return;
    this.#guarded(() => {
      const observed = observedChange(row, forms);
      if (observed !== undefined) this.#judge(controls, row, observed, { beforeText: forms.beforeText, links, rows });
    });
  }

  link(links: readonly LinkRow[], at: At, rows: BatchRows): void {
    for (const link of links) {
      const waiting = this.#waiting.get(changeKey(link.changeEpoch, link.changeSequence, link));
      if (waiting !== undefined) this.#guarded(() => this.#tellAgain(waiting, requesterOf(link), at, rows));
    }
  }

  adopt(bundle: PolicyBundle): void {
    this.#bundle = bundle.version;
    this.#controls = controlsOf(bundle, this.#deps.id);
  }

  #judge(
    controls: readonly CompiledControl[],
    row: VersionRow & { readonly epoch: string },
    observed: ObservedChange,
    { beforeText, links, rows }: Pick<ChangeForms, 'beforeText'> & { links: readonly LinkRow[]; rows: BatchRows },
  ): void {
    const { epoch, sequence, observedAtUs, group, resource, kind, namespace, name, uid } = row;
    const place: Place = { changeEpoch: epoch, changeSequence: sequence, group, resource, kind, namespace, name, uid };
    const atMs = Math.floor(observedAtUs / 1000);
    const view = clusterView(clusterBefore(this.#source(), observed), atMs);
    const { oldObject } = observed;
    const before = oldObject === null ? '' : beforeText;
    const holdsRedacted = before === undefined || mayHoldMarker(before) || mayHoldMarker(row.body);
    const judge = createChangeJudge({ ...observed, holdsRedacted });
    const open: Open[] = [];
    for (const control of controls) {
      const { verdict, kept } = judge.judge(control, view, atMs);
      if (kept !== undefined) open.push({ control, kept, bundle: this.#bundle, state: '', told: '' });
      else if (stateOf(verdict) !== 'pass')
        rows.changeVerdicts.push(
          this.#row(place, { control, kept, bundle: this.#bundle, state: '' }, { verdict, at: row, user: '' }),
        );
    }
    if (open.length === 0) return;
    const texts = { before: before ?? canonicalJson(oldObject), after: observed.object === null ? '' : row.body };
    const waiting = { place, observedAtUs, ...texts, open };
    const key = changeKey(epoch, sequence, place);
    this.#keep(key, waiting);
    const link = links.findLast((one) => changeKey(one.changeEpoch, one.changeSequence, one) === key);
    this.#tell(waiting, judge, { requester: link === undefined ? undefined : requesterOf(link), at: row, rows });
  }

  #tellAgain(waiting: Waiting, requester: Requester | undefined, at: At, rows: BatchRows): void {
    const { place, before, after } = waiting;
    const holdsRedacted = mayHoldMarker(before) || mayHoldMarker(after);
    const change = { key: place, oldObject: parsed(before), object: parsed(after), holdsRedacted };
    this.#tell(waiting, createChangeJudge(change), { requester, at, rows });
  }

  /** Rows for what is not said yet with this requester. */
  #tell(
    { place, open }: Waiting,
    judge: ChangeJudge,
    { requester, at, rows }: { readonly requester: Requester | undefined; readonly at: At; readonly rows: BatchRows },
  ): void {
    for (const one of open) {
      const control = this.#controls.find(one.control.meta.id, one.control.digest ?? '');
      if (control === undefined) continue;
      const verdict = judge.judgeAgain(control, one.kept, requester);
      const row = this.#row(place, one, { verdict, at, user: requester?.username ?? '' });
      const told = toldBy(row);
      if (told === one.told) continue;
      one.told = told;
      one.state = row.state;
      rows.changeVerdicts.push(row);
    }
  }

  #row(
    place: Place,
    {
      control,
      kept,
      bundle,
      state: stateBefore,
    }: Pick<Open, 'control' | 'bundle' | 'state'> & { readonly kept: KeptReads | undefined },
    { verdict, at, user }: { readonly verdict: Verdict; readonly at: At; readonly user: string },
  ): ChangeVerdictRow {
    const { tenant, cluster } = this.#deps.id;
    const { id, severity, title } = control.meta;
    const change = [place.changeEpoch, place.changeSequence, objectKey(place), place.uid];
    return {
      sequence: at.sequence,
      ...place,
      verdictId: sha256(JSON.stringify([tenant, cluster, ...change, id])).slice(0, verdictIdCharacters),
      control: id,
      severity,
      title,
      state: stateOf(verdict),
      stateBefore,
      reason: verdictReason(verdict),
      paths: pathsOf(verdict),
      user,
      bundle,
      context: kept === undefined ? '' : JSON.stringify({ digest: control.digest ?? '', kept }),
      atUs: at.observedAtUs,
    };
  }

  #source(): ClusterSource {
    const { inventory, covers } = this.#deps;
    return {
      covers,
      get({ group, kind, namespace, name }) {
        const resource = inventory.resourceOf(group, kind);
        return resource === undefined ? undefined : inventory.shared(objectKey({ group, resource, namespace, name }));
      },
      *list({ group, kind }, namespace) {
        const resource = inventory.resourceOf(group, kind);
        for (const { ref } of resource === undefined ? [] : inventory.ofResource(group, resource)) {
          if (namespace !== undefined && ref.namespace !== namespace) continue;
          const object = inventory.shared(objectKey(ref));
          if (object !== undefined) yield object;
        }
      },
    };
  }

  #keep(key: string, waiting: Waiting): void {
    const { windowUs, waitingChanges, waitingCharacters } = this.#deps.limits;
    this.#waiting.set(key, waiting);
    this.#characters += charactersOf(waiting);
    this.#newestUs = Math.max(this.#newestUs, waiting.observedAtUs);
    for (const [oldest, one] of this.#waiting) {
      const isExpired = one.observedAtUs < this.#newestUs - windowUs;
      const areTooMany = this.#waiting.size > waitingChanges;
      if (!isExpired && !areTooMany && this.#characters <= waitingCharacters) break;
      this.#waiting.delete(oldest);
      this.#characters -= charactersOf(one);
      if (!isExpired) this.#drop(areTooMany ? 'waitingChanges' : 'waitingCharacters');
    }
  }

  #drop(limit: WaitingLimit): void {
    const isNews = this.#newestUs - this.#toldDroppedUs > this.#deps.limits.windowUs;
    if (isNews) this.#toldDroppedUs = this.#newestUs;
    this.#deps.onDropped(limit, isNews);
  }

  #restore(open: readonly OpenVerdict[]): void {
    const byChange = Map.groupBy(open, ({ row }) => changeKey(row.changeEpoch, row.changeSequence, row));
    for (const [key, verdicts] of byChange) {
      const [first] = verdicts;
      if (first === undefined) continue;
      const { row, op, observedAtUs, body, before } = first;
      const { changeEpoch, changeSequence, group, resource, kind, namespace, name, uid } = row;
      const observed = observedChange(
        { ...row, op },
        {
          before: () =>
            before?.uid === row.uid && before.body !== '' ? (parsed(before.body) ?? undefined) : undefined,
          after: () => parsed(body) ?? undefined,
        },
      );
      if (observed === undefined) continue;
      this.#keep(key, {
        place: { changeEpoch, changeSequence, group, resource, kind, namespace, name, uid },
        observedAtUs,
        before: observed.oldObject === null ? '' : (before?.body ?? ''),
        after: observed.object === null ? '' : body,
        open: verdicts.flatMap(({ row: said }) => this.#reopen(said)),
      });
    }
  }

  #reopen(said: ChangeVerdictRow): readonly Open[] {
    const { digest, kept } = JSON.parse(said.context) as { readonly digest: string; readonly kept: KeptReads };
    const control = this.#controls.find(said.control, digest);
    if (control === undefined) return [];
    return [{ control, kept, bundle: said.bundle, state: said.state, told: toldBy(said) }];
  }

  /** Judging promises not to throw; recording does not rely on it. */
  #guarded(judge: () => void): void {
    try {
      judge();
    } catch (error) {
      this.#deps.onFailure(error);
    }
  }
}

const toldBy = ({ state, reason, paths, user }: ChangeVerdictRow): string =>
  JSON.stringify([state, reason, paths, user]);

const charactersOf = ({ before, after }: Waiting): number => before.length + after.length;

const controlsOf = ({ controls, exceptions = [] }: PolicyBundle, { cluster }: ClusterId): ChangeControls =>
  createChangeControls(exceptControls(controls, exceptions, cluster));

/** `open`: what an earlier life left waiting. */
export const openChangeBook = (deps: ChangeBookDeps, open: readonly OpenVerdict[]): ChangeBook =>
  new ChangesOfCluster(deps, open);
