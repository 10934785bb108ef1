import type { Actor, ActorIdentity } from '../actor.ts';

export const createCompany = (_actor: (identity: ActorIdentity) => Actor): void => undefined;
