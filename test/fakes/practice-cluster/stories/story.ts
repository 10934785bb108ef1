import type { Actor, ActorIdentity } from '../actor.ts';
import type { Clock } from '../clock.ts';
import type { Store } from '../store/store.ts';

export type StoryWorld = {
  readonly actor: (identity: ActorIdentity) => Actor;
  readonly store: Store;
  readonly clock: Clock;
};

export type Step = { readonly title: string; readonly run: (world: StoryWorld) => void };

/** A change somebody makes, step by step, and how it is taken back, so that it can be played again. */
export type Story = {
  readonly name: string;
  readonly title: string;
  readonly steps: readonly Step[];
  readonly undo: readonly Step[];
};
