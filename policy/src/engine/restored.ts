/** Findings of an earlier life of the engine, kept until their subject is judged for the first time. */
import type { Subject } from './graph.ts';
import type { Inventory } from './inventory.ts';
import type { KnownFinding } from './verdict-book.ts';

export class Restored {
  readonly #bySubject = new Map<Subject, KnownFinding[]>();

  /** Answers with the subjects that have to be judged for it. */
  add(known: Iterable<KnownFinding>, inventory: Inventory): readonly Subject[] {
    for (const one of known) {
      const subject = inventory.subject(one.finding.object);
      const earlier = this.#bySubject.get(subject);
      if (earlier !== undefined) earlier.push(one);
      else {
        subject.pins += 1;
        this.#bySubject.set(subject, [one]);
      }
    }
    return [...this.#bySubject.keys()];
  }

  take(subject: Subject): readonly KnownFinding[] {
    const known = this.#bySubject.get(subject);
    if (known === undefined) return none;
    this.#bySubject.delete(subject);
    subject.pins -= 1;
    return known;
  }
}

const none: readonly KnownFinding[] = [];
