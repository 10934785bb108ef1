/** A relation control of the library, bound to its control file. */
import type { JsonObject } from '@driftline/proto';
import type { CompiledControl, ControlMeta, GroupKind, OwnReads } from '../contract.ts';
import type { ReadPath } from '../read-path.ts';
import type { Match } from './match.ts';
import { createPart } from './object-part.ts';
import { contextReads, rootOf } from './own-reads.ts';
import { podTemplateOf } from './pod-template.ts';
import type { RelationControl } from './relation-control.ts';
import { subjectContext } from './subject-context.ts';

export type ControlParts = {
  readonly meta: ControlMeta;
  readonly match: Match;
  readonly params: JsonObject;
  readonly digest: string;
};

export function compileRelation(
  { meta, match, params, digest }: ControlParts,
  relation: RelationControl,
): CompiledControl {
  const views = match.kinds.map(({ group, kind }) => ({ group, kind, ...viewOf(relation.reads, { group, kind }) }));
  const viewOn = (of: GroupKind) => views.find(({ group, kind }) => kind === of.kind && group === of.group);
  return {
    meta,
    language: 'relation',
    kinds: match.kinds,
    selfContained: false,
    digest,
    reads: (kind) => viewOn(kind)?.reads,
    evaluate(object, view) {
      const context = subjectContext(object);
      if (!match.appliesTo(context)) return { verdict: 'not-applicable' };
      const { key } = context;
      const part = viewOn(key)?.part(object);
      if (part === undefined) return relation.evaluate({ object, key, view, params, pod: context.pod });
      return relation.evaluate({ object: part, key, view, params, pod: podTemplateOf(part, key) });
    },
  };
}

/** What a relation sees of the objects of one kind. */
type OwnView = { readonly reads: OwnReads | undefined; part(object: JsonObject): JsonObject | undefined };

function viewOf(declared: RelationControl['reads'], kind: GroupKind): OwnView {
  if (declared === undefined) return { reads: undefined, part: () => undefined };
  const paths = declared.flatMap(([name, ...rest]): readonly ReadPath[] => {
    const root = rootOf(name, kind);
    return root === undefined ? [] : [[...root, ...rest]];
  });
  const deciding = [...contextReads(kind), ...paths];
  return { reads: { deciding, telling: [] }, part: createPart(deciding) };
}
