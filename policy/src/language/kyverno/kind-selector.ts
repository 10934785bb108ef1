// A kind as the rules of Kyverno write it: `Pod`, `apps/v1/Deployment`, a wildcard for group and version, `Deployment/scale`, `*Policy`.
import type { JsonObject } from '@driftline/proto';
import type { GroupKind, ObjectKey } from '../../contract.ts';
import { stringAt } from '../read-json.ts';
import { matchesWildcard } from './wildcard.ts';

export type KindSelector = {
  judgesKind(kind: GroupKind): boolean;
  matches(object: JsonObject, key: ObjectKey): boolean;
  /** The kind without group and version, as written. */
  readonly kind: string;
};

export function compileKindSelector(text: string): KindSelector {
  const { group, version, kind, subresource } = parse(text);
  const judgesKind = (one: GroupKind) =>
    subresource === '' && matchesWildcard(group, one.group) && matchesWildcard(kind, one.kind);
  return {
    kind,
    judgesKind,
    matches(object, key) {
      if (!judgesKind(key)) return false;
      const apiVersion = stringAt(object, 'apiVersion');
      return matchesWildcard(version, apiVersion.slice(apiVersion.indexOf('/') + 1));
    },
  };
}

type Parsed = { readonly group: string; readonly version: string; readonly kind: string; readonly subresource: string };

/** Kinds begin with a capital letter, versions with `v`; an asterisk is a kind where it is the last. */
function parse(text: string): Parsed {
  const parts = text.split('/');
  const at = parts.findIndex((part) => /^[A-Z]/.test(part));
  const index = at === -1 ? parts.length - 1 : at;
  const [kind = '*', dotted = ''] = splitSubresource(parts[index] ?? '*');
  const before = parts.slice(0, index);
  const version = before.at(-1) ?? '*';
  const group = before.length > 1 ? (before[0] ?? '*') : '*';
  return { group, version, kind, subresource: parts[index + 1] ?? dotted };
}

function splitSubresource(kind: string): readonly string[] {
  return kind.split('.');
}
