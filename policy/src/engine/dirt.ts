/** What must be judged again, and why: whole subjects, or single controls of them. */
import type { CompiledControl } from '../contract.ts';
import { compareKeys, type Evaluation, type Subject } from './graph.ts';
import type { Cause } from './verdict-book.ts';

export type DirtySubject = {
  readonly subject: Subject;
  /** Set when all its controls are to run: the object itself changed. */
  readonly whole: Cause | undefined;
  /** By control id, in addition. */
  readonly controls: ReadonlyMap<string, Cause>;
};

export type Dirt = {
  markSubject(subject: Subject, cause: Cause): void;
  markControl(subject: Subject, control: CompiledControl, cause: Cause): void;
  markAll(evaluations: Iterable<Evaluation>, cause: Cause): void;
  /** Everything marked, in the order of keys; nothing is marked afterwards. */
  take(): readonly DirtySubject[];
};

export function createDirt(): Dirt {
  let dirty = new Map<Subject, { whole: Cause | undefined; controls: Map<string, Cause> }>();

  function mark(subject: Subject): { whole: Cause | undefined; controls: Map<string, Cause> } {
    let marks = dirty.get(subject);
    if (marks === undefined) {
      marks = { whole: undefined, controls: new Map() };
      dirty.set(subject, marks);
    }
    return marks;
  }

  return {
    markSubject(subject, cause) {
      mark(subject).whole = cause;
    },
    markControl(subject, control, cause) {
      mark(subject).controls.set(control.meta.id, cause);
    },
    markAll(evaluations, cause) {
      for (const { subject, control } of evaluations) mark(subject).controls.set(control.meta.id, cause);
    },
    take() {
      const taken = [...dirty].map(([subject, marks]) => ({ subject, ...marks }));
      dirty = new Map();
      return taken.sort((a, b) => compareKeys(a.subject.key, b.subject.key));
    },
  };
}
