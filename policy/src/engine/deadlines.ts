/** The times at which an answer may change, earliest first: a binary heap that forgets what was asked again. */
import type { Evaluation } from './graph.ts';

type Entry = { readonly atMs: number; readonly evaluation: Evaluation };

export type Deadlines = {
  /** Registers `evaluation.deadlineMs`; earlier registrations of it lapse. */
  add(evaluation: Evaluation): void;
  next(): number | undefined;
  /** Takes out what is due at nowMs. */
  takeDue(nowMs: number): readonly Evaluation[];
};

export function createDeadlines(): Deadlines {
  let heap: Entry[] = [];
  let added = 0;

  const isLive = (entry: Entry) => entry.evaluation.deadlineMs === entry.atMs;
  const dropLapsed = () => {
    for (let first = heap[0]; first !== undefined && !isLive(first); first = heap[0]) pop(heap);
  };

  function compact(): void {
    added = 0;
    const live = new Map(heap.filter(isLive).map((entry) => [entry.evaluation, entry]));
    heap = [...live.values()].sort((a, b) => a.atMs - b.atMs);
  }

  return {
    add(evaluation) {
      push(heap, { atMs: evaluation.deadlineMs, evaluation });
      added += 1;
      if (added > 1_000 && added * 2 > heap.length) compact();
    },
    next() {
      dropLapsed();
      return heap[0]?.atMs;
    },
    takeDue(nowMs) {
      const due: Evaluation[] = [];
      for (dropLapsed(); heap[0] !== undefined && heap[0].atMs <= nowMs; dropLapsed()) {
        const { evaluation } = heap[0];
        evaluation.deadlineMs = Number.POSITIVE_INFINITY;
        due.push(evaluation);
        pop(heap);
      }
      return due;
    },
  };
}

function push(heap: Entry[], entry: Entry): void {
  let at = heap.push(entry) - 1;
  while (at > 0) {
    const parent = (at - 1) >> 1;
    if (!swapIfEarlier(heap, at, parent)) return;
    at = parent;
  }
}

function pop(heap: Entry[]): void {
  const last = heap.pop();
  if (last === undefined || heap.length === 0) return;
  heap[0] = last;
  let at = 0;
  for (;;) {
    const left = at * 2 + 1;
    const earlier = timeAt(heap, left + 1) < timeAt(heap, left) ? left + 1 : left;
    if (!swapIfEarlier(heap, earlier, at)) return;
    at = earlier;
  }
}

function swapIfEarlier(heap: Entry[], child: number, parent: number): boolean {
  const a = heap[child];
  const b = heap[parent];
  if (a === undefined || b === undefined || a.atMs >= b.atMs) return false;
  heap[child] = b;
  heap[parent] = a;
  return true;
}

function timeAt(heap: readonly Entry[], at: number): number {
  return heap[at]?.atMs ?? Number.POSITIVE_INFINITY;
}
