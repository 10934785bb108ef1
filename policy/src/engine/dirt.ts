/** What must be judged again, and why: whole subjects, or single controls of them. */
import type { CompiledControl } from '../contract.ts';
import { compareKeys, type Evaluation, type Subject } from './graph.ts';
import type { Cause } from './verdict-book.ts';

export type DirtySubject = {
  readonly subject: Subject;
  /** Set when all its controls are to run. */
  readonly whole: Cause | undefined;
  /** By control id, in addition. */
  readonly controls: ReadonlyMap<string, Cause>;
};

export type Dirt = {
  markSubject(subject: Subject, cause: Cause): void;
  /** The object or the control itself changed: this is the cause then, whatever else the control read. */
  markControl(subject: Subject, control: CompiledControl, cause: Cause): void;
  markAll(evaluations: Iterable<Evaluation>, cause: Cause): void;
  /** Everything marked, in the order of keys; nothing is marked afterwards. */
  take(): readonly DirtySubject[];
};

type Marks = { whole: Cause | undefined; own: Map<string, Cause> | undefined; woken: Map<string, Cause> | undefined };

const noControls: ReadonlyMap<string, Cause> = new Map();

export function createDirt(): Dirt {
  let dirty = new Map<Subject, Marks>();

  function mark(subject: Subject): Marks {
    let marks = dirty.get(subject);
    if (marks === undefined) {
      marks = { whole: undefined, own: undefined, woken: undefined };
      dirty.set(subject, marks);
    }
    return marks;
  }

  return {
    markSubject(subject, cause) {
      mark(subject).whole = cause;
    },
    markControl(subject, control, cause) {
      (mark(subject).own ??= new Map()).set(control.meta.id, cause);
    },
    markAll(evaluations, cause) {
      for (const { subject, control } of evaluations) (mark(subject).woken ??= new Map()).set(control.meta.id, cause);
    },
    take() {
      const taken = [...dirty].map(([subject, { whole, own, woken }]) => ({
        subject,
        whole,
        controls: own !== undefined && woken !== undefined ? new Map([...woken, ...own]) : (own ?? woken ?? noControls),
      }));
      dirty = new Map();
      return taken.sort((a, b) => compareKeys(a.subject.key, b.subject.key));
    },
  };
}
