/** What waits of one object: its changes in order, and the requests that addressed it. */
import type { AuditFacts, Before, ChangeFacts, Match } from './correlate-rules.ts';
import { isDelete, namesVersion, newestManagerUs, startsDeletion } from './correlate-rules.ts';
import { Shelf } from './waiting.ts';

export type WaitingAudit = {
  readonly facts: AuditFacts;
  /** Of the object that it addressed, when it can have changed one. */
  bench: Bench | undefined;
  /** The change that it is assigned to. */
  of: WaitingChange | undefined;
};

export type Cause = { readonly audit: WaitingAudit; readonly match: Match };

export type WaitingChange = {
  readonly facts: ChangeFacts;
  readonly bench: Bench;
  /** Position among the changes of the object. */
  readonly order: number;
  readonly before: Before;
  /** By a request that names it; by one that was assigned to it. */
  named: Cause | undefined;
  assigned: Cause | undefined;
  /** Its other half is known and is not looked at again. */
  isSettled: boolean;
  /** The cause that the last link told; '' when none. */
  told: string;
};

const versionKey = (uid: string, resourceVersion: string): string => `${uid}\n${resourceVersion}`;

export class Bench {
  readonly key: string;
  readonly openChanges = new Set<WaitingChange>();
  readonly openAudits = new Set<WaitingAudit>();
  readonly #changesNamed = new Shelf<WaitingChange>();
  readonly #auditsNaming = new Shelf<WaitingAudit>();
  /** The change that marked an object for deletion, by uid. */
  readonly #marks = new Map<string, WaitingChange>();
  readonly #maxOpen: number;
  #waiting = 0;
  #order = 0;
  #before: Before = { version: '', managersUs: 0 };

  /** `maxOpen`: changes, and events, that are weighed at most; beyond it the oldest stay as they are. */
  constructor(key: string, maxOpen: number) {
    this.key = key;
    this.#maxOpen = maxOpen;
  }

  /** No event waits that could be a change's, and no mark explains an end. */
  get hasNothingToAssign(): boolean {
    return this.openAudits.size === 0 && this.#marks.size === 0;
  }

  get isEmpty(): boolean {
    return this.#waiting === 0;
  }

  addChange(facts: ChangeFacts): WaitingChange {
    const change: WaitingChange = {
      facts,
      bench: this,
      order: this.#order++,
      before: this.#before,
      named: undefined,
      assigned: undefined,
      isSettled: false,
      told: '',
    };
    const managersUs = Math.max(this.#before.managersUs, newestManagerUs(facts));
    this.#before = { version: facts.resourceVersion, managersUs };
    this.#waiting += 1;
    this.#changesNamed.add(nameOf(facts), change);
    if (startsDeletion(facts) && !this.#marks.has(facts.uid)) this.#marks.set(facts.uid, change);
    this.openChanges.add(change);
    for (const oldest of trim(this.openChanges, this.#maxOpen)) this.settle(oldest);
    return change;
  }

  addAudit(audit: WaitingAudit): void {
    audit.bench = this;
    this.#waiting += 1;
    for (const name of namesIn(audit.facts)) this.#auditsNaming.add(name, audit);
    if (!namesVersion(audit.facts)) this.openAudits.add(audit);
    trim(this.openAudits, this.#maxOpen);
  }

  /** The change has a request that names it. */
  name(change: WaitingChange, cause: Cause): void {
    change.named = cause;
    this.openChanges.delete(change);
  }

  /** The requests that name a change, and the changes that a request names. */
  naming(change: WaitingChange): readonly WaitingAudit[] {
    return [...this.#auditsNaming.get(nameOf(change.facts))];
  }

  namedBy(audit: WaitingAudit): readonly WaitingChange[] {
    return namesIn(audit.facts).flatMap((name) => [...this.#changesNamed.get(name)]);
  }

  /** The change that marked the object which this one ends. */
  markOf({ facts }: WaitingChange): WaitingChange | undefined {
    return facts.op === 'deleted' ? this.#marks.get(facts.uid) : undefined;
  }

  /** The end of the object that this change marked. */
  heldOverBy(mark: WaitingChange): readonly WaitingChange[] {
    if (this.#marks.get(mark.facts.uid) !== mark) return [];
    return [...this.#changesNamed.get(endOf(mark.facts.uid))];
  }

  /** Takes a change, and the request it has, out of every further weighing. */
  settle(change: WaitingChange): void {
    change.isSettled = true;
    this.openChanges.delete(change);
    const audit = change.assigned?.audit;
    if (audit !== undefined) this.openAudits.delete(audit);
  }

  removeChange(change: WaitingChange): void {
    this.settle(change);
    for (const end of this.heldOverBy(change)) this.settle(end);
    this.#waiting -= 1;
    this.#changesNamed.remove(nameOf(change.facts), change);
    if (this.#marks.get(change.facts.uid) === change) this.#marks.delete(change.facts.uid);
  }

  removeAudit(audit: WaitingAudit): void {
    this.#waiting -= 1;
    for (const name of namesIn(audit.facts)) {
      for (const change of this.#changesNamed.get(name)) if (change.named?.audit === audit) this.settle(change);
      this.#auditsNaming.remove(name, audit);
    }
    if (audit.of !== undefined) this.settle(audit.of);
    this.openAudits.delete(audit);
  }
}

/** Takes out the oldest beyond the limit. */
function trim<T>(items: Set<T>, limit: number): readonly T[] {
  const oldest: T[] = [];
  for (const item of items) {
    if (items.size <= limit) break;
    items.delete(item);
    oldest.push(item);
  }
  return oldest;
}

const endOf = (uid: string): string => versionKey(uid, '(end)');

const nameOf = ({ op, uid, resourceVersion }: ChangeFacts): string =>
  op === 'deleted' ? endOf(uid) : versionKey(uid, resourceVersion);

/** What an event can name: a version, and for a delete the end of the object too. */
const namesIn = (audit: AuditFacts): readonly string[] => {
  if (audit.uid === '') return [];
  const version = audit.resourceVersion === '' ? [] : [versionKey(audit.uid, audit.resourceVersion)];
  return isDelete(audit) ? [endOf(audit.uid), ...version] : version;
};
