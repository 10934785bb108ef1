/** A fact's projection as it is called: with what the fact declares to read, and nothing else. */
import type { JsonObject } from '@driftline/proto';
import type { Fact } from '../contract.ts';
import { createPart } from '../language/object-part.ts';

export function projectionOf<T>({ project, reads }: Fact<T>): (object: JsonObject) => T | undefined {
  if (reads === undefined) return project;
  const partOf = createPart(reads);
  return (object) => project(partOf(object));
}
