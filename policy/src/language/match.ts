/** Which objects a control is about: kinds, namespaces, and not what another object controls. */
import type { GroupKind } from '../contract.ts';
import type { MatchSection } from '../load/control-file.ts';
import { isPodBearing, podBearingKinds } from './pod-template.ts';
import type { SubjectContext } from './subject-context.ts';

export type Match = {
  readonly kinds: readonly GroupKind[];
  /** Every kind bears a pod: `podSpec` and the like are bound. */
  readonly isPodBearing: boolean;
  appliesTo(context: SubjectContext): boolean;
};

export function createMatch({ kinds: listed, namespaces }: MatchSection): Match {
  const kinds = [
    ...new Map(
      listed
        .flatMap((kind) => (kind === 'pod-bearing' ? podBearingKinds : [kind]))
        .map((kind) => [`${kind.group}/${kind.kind}`, kind]),
    ).values(),
  ];
  const include = namespaces?.include?.map(namePattern);
  const exclude = namespaces?.exclude?.map(namePattern);
  return {
    kinds,
    isPodBearing: kinds.every(isPodBearing),
    appliesTo({ key, isControlled }) {
      if (isControlled) return false;
      if (key.namespace === '') return true;
      if (exclude?.some((matches) => matches(key.namespace)) === true) return false;
      return include === undefined || include.some((matches) => matches(key.namespace));
    },
  };
}

function namePattern(pattern: string): (name: string) => boolean {
  if (!pattern.endsWith('*')) return (name) => name === pattern;
  const beginning = pattern.slice(0, -1);
  return (name) => name.startsWith(beginning);
}
