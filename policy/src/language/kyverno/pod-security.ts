/**
 * `validate.podSecurity`: a level of the Pod Security Standards, with parts taken out. It is answered by the controls of
 * our library that are mapped to that level, so that there is one reading of the Standards and not two.
 */
import type { JsonObject } from '@driftline/proto';
import { z } from 'zod';
import type { CompiledControl, TrackedView } from '../../contract.ts';
import { isJsonObject } from '@driftline/proto';
import { listAt, objectAt, stringAt } from '../read-json.ts';
import { valueAtFieldPath } from '../field-value.ts';
import { FunctionError } from './function-error.ts';
import type { Mismatch } from './pattern.ts';
import type { RuleBody } from './rule.ts';
import { matchesScalar } from './scalar-pattern.ts';
import { matchesWildcard } from './wildcard.ts';

export const podSecuritySchema = z.strictObject({
  level: z.enum(['privileged', 'baseline', 'restricted']),
  version: z.string().optional(),
  exclude: z
    .array(
      z.strictObject({
        controlName: z.string(),
        images: z.array(z.string()).optional(),
        restrictedField: z.string().optional(),
        values: z.array(z.string()).optional(),
      }),
    )
    .optional(),
});

type Section = z.infer<typeof podSecuritySchema>;
type Exclusion = NonNullable<Section['exclude']>[number];

/** Names of the Standards' parts as Kyverno writes them → the requirement they are here, without its level. */
const requirements: Readonly<Record<string, string>> = {
  HostProcess: 'host-process',
  'Host Namespaces': 'host-namespaces',
  'Privileged Containers': 'privileged-containers',
  Capabilities: 'capabilities',
  'HostPath Volumes': 'hostpath-volumes',
  'Host Ports': 'host-ports',
  AppArmor: 'apparmor',
  SELinux: 'selinux',
  '/proc Mount Type': 'proc-mount',
  Seccomp: 'seccomp',
  Sysctls: 'sysctls',
  'Volume Types': 'volume-types',
  'Privilege Escalation': 'privilege-escalation',
  'Running as Non-root': 'running-as-non-root',
  'Running as Non-root user': 'running-as-non-root-user',
};

type Part = { readonly control: CompiledControl; readonly requirements: readonly string[] };

/** `controls` are those of the bundle. Throws FunctionError where it has none for the Standards. */
export function compilePodSecurity({ level, exclude = [] }: Section, controls: readonly CompiledControl[]): RuleBody {
  const levels = level === 'restricted' ? ['baseline', 'restricted'] : level === 'baseline' ? ['baseline'] : [];
  const parts = controls.flatMap((control): readonly Part[] => {
    const mapped = control.meta.frameworks.find(({ framework }) => framework === 'pss')?.requirements ?? [];
    const ours = mapped.filter((one) => levels.includes(one.split('/')[0] ?? ''));
    return ours.length === 0 ? [] : [{ control, requirements: ours.map((one) => one.split('/')[1] ?? '') }];
  });
  if (levels.length > 0 && parts.length === 0)
    throw new FunctionError('podSecurity needs the Pod Security controls of the library in the same bundle');
  const unknown = exclude.find(({ controlName }) => requirements[controlName] === undefined);
  if (unknown !== undefined) throw new FunctionError(`podSecurity has no control ${unknown.controlName}`);
  return {
    readsCluster: parts.some(({ control }) => !control.selfContained),
    reads(kind) {
      // An exclusion asks about values and images of its own.
      const ofParts = exclude.length > 0 ? [undefined] : parts.map(({ control }) => control.reads?.(kind));
      if (ofParts.includes(undefined)) return undefined;
      return ofParts.flatMap((reads) => [...(reads?.deciding ?? []), ...(reads?.telling ?? [])]);
    },
    judge({ object, view }) {
      const mismatches = parts.flatMap((part) => {
        const exclusions = exclude.filter(({ controlName }) =>
          part.requirements.includes(requirements[controlName] ?? ''),
        );
        return mismatchesOf(part.control, object, view).filter(
          ({ path }) => !exclusions.some((one) => isExcluded(one, object, path)),
        );
      });
      return { isSkipped: false, mismatches };
    },
  };
}

function mismatchesOf(control: CompiledControl, object: JsonObject, view: TrackedView): readonly Mismatch[] {
  const verdict = control.evaluate(object, view);
  if (verdict.verdict === 'fail') return verdict.violations;
  if (verdict.verdict === 'unjudged' || verdict.verdict === 'not-assessable') throw new FunctionError(verdict.reason);
  return [];
}

/** Without images an exclusion is about the pod's own fields, with images about those of their containers. */
function isExcluded({ images, restrictedField, values }: Exclusion, object: JsonObject, path: string): boolean {
  const container = containerAt(object, path);
  if (images === undefined) {
    if (container !== undefined && restrictedField === undefined) return false;
  } else {
    const image = container === undefined ? '' : stringAt(container, 'image');
    if (!images.some((wanted) => matchesWildcard(wanted, image))) return false;
  }
  if (restrictedField === undefined) return true;
  const field = path.replaceAll(/\[[^\]]*\]/g, '[*]');
  if (!field.startsWith(restrictedField.replace(/\[\*\]$/, ''))) return false;
  const value = valueAtFieldPath(object, path);
  const found = Array.isArray(value) ? value : [value];
  return values === undefined || found.every((one) => values.some((wanted) => matchesScalar(one, wanted)));
}

function containerAt(object: JsonObject, path: string): JsonObject | undefined {
  const match = /^spec\.((?:init|ephemeral)?[cC]ontainers)\[(?:name=)?([^\]]*)\]/.exec(path);
  if (match === null) return undefined;
  const [, list = '', item = ''] = match;
  const containers = listAt(objectAt(object, 'spec'), list).filter(isJsonObject);
  return containers.find((one) => stringAt(one, 'name') === item) ?? containers[Number(item)];
}
