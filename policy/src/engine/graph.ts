/**
 * The nodes of the dependency graph. A subject is an object (or the place where one may appear); an evaluation is one
 * tracked control on one subject; a read node is something an evaluation read. When what a node stands for changes,
 * exactly its dependents run again. Nodes without dependents are dropped, so the graph is as large as what is read.
 */
import type { JsonObject } from '@driftline/proto';
import type { CompiledControl, ObjectKey } from '../contract.ts';
import type { Outcome } from './outcome.ts';

/** A control on one of its kinds. `position` indexes `SubjectVerdicts.codes`. */
export type Slot = { readonly control: CompiledControl; readonly position: number };

export type SubjectVerdicts = {
  slots: readonly Slot[];
  /** Outcome code by slot position. */
  codes: Uint8Array;
  /** Outcomes that have more to say than their code, by control id. */
  told: Map<string, Outcome> | undefined;
  /** Tracked controls only, by control id. */
  evaluations: Map<string, Evaluation> | undefined;
  /** Whether every control was judged on the object as it was placed last, or would say the same of it. */
  isCurrent: boolean;
};

export type Subject = {
  readonly key: ObjectKey;
  uid: string;
  present: boolean;
  /** Held for good when the engine has no store, else only while a batch is judged. */
  object: JsonObject | undefined;
  /** Names the content of the object placed last; undefined when the caller did not say. */
  digest: string | undefined;
  labels: JsonObject | undefined;
  /** Who the object itself names as its owner; '' when nobody. */
  owner: string;
  /** Evaluations that read the object itself. */
  readers: ReadNode | undefined;
  /** Read nodes, `readers` included, that hold this subject: while there are any it must not be replaced by another. */
  pins: number;
  verdicts: SubjectVerdicts | undefined;
};

export type ReadNode = {
  readonly dependents: Set<Evaluation>;
  /** Called when the last dependent has gone. */
  readonly onIdle: (() => void) | undefined;
};

export type Evaluation = {
  readonly subject: Subject;
  readonly control: CompiledControl;
  reads: ReadonlySet<ReadNode>;
  /** The next deadline it asked about that was not reached; Infinity when none. */
  deadlineMs: number;
};

/** Marks the dependents of a node to run again. */
export type Wake = (node: ReadNode) => void;

export function createReadNode(onIdle?: () => void): ReadNode {
  return { dependents: new Set(), onIdle };
}

/** Makes `reads` what the evaluation depends on, and nothing else. */
export function dependOn(evaluation: Evaluation, reads: ReadonlySet<ReadNode>): void {
  const before = evaluation.reads;
  evaluation.reads = reads;
  for (const node of reads) if (!before.has(node)) node.dependents.add(evaluation);
  for (const node of before) {
    if (reads.has(node)) continue;
    node.dependents.delete(evaluation);
    if (node.dependents.size === 0) node.onIdle?.();
  }
}

/** Order of subjects: group, kind, namespace, name, each by code units. */
export function compareKeys(a: ObjectKey, b: ObjectKey): number {
  return (
    compareText(a.group, b.group) ||
    compareText(a.kind, b.kind) ||
    compareText(a.namespace, b.namespace) ||
    compareText(a.name, b.name)
  );
}

export function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
