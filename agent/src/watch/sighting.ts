import type { JsonObject } from '@driftline/proto';
import type { Sight } from '../capture/capture.ts';
import type { KindProgress } from '../known/known.ts';
import type { ChangeType } from './watch-event.ts';

/** A change as it was read: `bytes` is what it weighs until it is durable. */
export type ChangeEvent = { readonly type: ChangeType; readonly object: JsonObject; readonly bytes: number };

/** What a list that was read to its end says. */
export type ListEnd = {
  readonly resourceVersion: string;
  /** The least that the API server's clock showed when it was asked: what the list lacks was committed later. */
  readonly begunAtUs: number;
  readonly seenAtUs: number;
};

/** An object that is there, and how that became known. */
export type Sighting = { readonly object: JsonObject; readonly bytes: number; readonly sight: Sight };

/** What an observation moves, and what it is known to have been committed after. */
export type Moving = {
  readonly progress: Partial<KindProgress>;
  readonly notBeforeUs: number;
  readonly floorUs: number;
  /** It becomes known without a message. */
  readonly isRemembered: boolean;
};
