/**
 * A CEL control as ValidatingAdmissionPolicy (admissionregistration.k8s.io/v1) and its binding, or why it cannot be one.
 * What the policy asks of a request is what the control asks of the object, but for two things of admission: an object
 * that is on its way out is not held, and what says that a controller owns it is believed of controllers only.
 */
import { formatTimestampUs, type Json, type JsonObject } from '@driftline/proto';
import type { GroupKind } from '../contract.ts';
import type { Exception } from '../exception/exception.ts';
import { compileCelPolicy } from '../language/admission/cel-policy.ts';
import { admissionScope } from '../language/admission/request.ts';
import { resourceNameOf } from '../language/admission/resource-name.ts';
import type { LoadedControl } from '../load/bundle.ts';
import type { AdmissionSection } from '../load/control-file.ts';
import { exceptionCondition, isExpressible } from './exception-condition.ts';
import { ownershipCondition, policySpec, unsayable } from './policy-spec.ts';

export type ValidationAction = 'Deny' | 'Warn' | 'Audit';

export type ExportOptions = {
  /** Exceptions of the bundle that hold in the cluster. */
  readonly exceptions: readonly Exception[];
  /** Deny and Warn exclude each other, as the API server has it. */
  readonly actions: readonly ValidationAction[];
  /** Of the bundle. */
  readonly version: string;
  /** Milliseconds since the Unix epoch. */
  readonly nowMs: number;
};

export type ExportResult =
  | {
      readonly ok: true;
      /** Of the policy and of its binding. */
      readonly name: string;
      readonly policy: JsonObject;
      readonly binding: JsonObject;
      /** The first end of an exception in it, milliseconds since the Unix epoch. */
      readonly expiresMs: number | undefined;
      /** Ids of exceptions that have ended, and are therefore not in it. */
      readonly ended: readonly string[];
    }
  | { readonly ok: false; readonly reason: string };

/** What the API server takes of match conditions. */
const maxMatchConditions = 64;

const apiVersion = 'admissionregistration.k8s.io/v1';

/** The version of built-in groups that controls are written for; requests in others are converted by the API server. */
const versions: Readonly<Record<string, string>> = {
  '': 'v1',
  'admissionregistration.k8s.io': 'v1',
  'apiextensions.k8s.io': 'v1',
  'apiregistration.k8s.io': 'v1',
  apps: 'v1',
  autoscaling: 'v2',
  batch: 'v1',
  'certificates.k8s.io': 'v1',
  'networking.k8s.io': 'v1',
  policy: 'v1',
  'rbac.authorization.k8s.io': 'v1',
  'scheduling.k8s.io': 'v1',
  'storage.k8s.io': 'v1',
};

export function exportControl(loaded: LoadedControl, options: ExportOptions): ExportResult {
  const { meta, language } = loaded.control;
  const form = formOf(loaded);
  if (form === undefined) return refused(otherLanguages[language] ?? 'it is not in CEL');
  if ('unsayable' in form) return refused(form.unsayable);
  const about = options.exceptions.filter((exception) => exception.isAboutControl(meta.id));
  const ended = about.filter(({ expiresMs }) => expiresMs <= options.nowMs);
  const holding = about.filter((exception) => !ended.includes(exception));
  const inexpressible = holding.find((exception) => !isExpressible(exception));
  if (inexpressible !== undefined)
    return refused(`exception ${inexpressible.id} is for single fields, which a request cannot be told of`);
  if (holding.length > 0 && form.isOfDeletions)
    return refused(`it is about deletions, too, which have no object that exception ${holding[0]?.id} could be about`);
  const matchConditions = [
    ...form.matchConditions,
    ...holding.map((exception, index) => ({
      name: `exception-${index + 1}`,
      expression: exceptionCondition(exception),
    })),
  ];
  if (matchConditions.length > maxMatchConditions)
    return refused(`${holding.length} exceptions are more than ${maxMatchConditions} match conditions`);
  const problems = problemsOf({ ...form.spec, matchConditions });
  if (problems !== '') return refused(problems);
  const name = `driftline-${meta.id.toLowerCase()}`;
  const expiresMs = holding.length === 0 ? undefined : Math.min(...holding.map((exception) => exception.expiresMs));
  const metadata = { name, labels: { 'app.kubernetes.io/managed-by': 'driftline' } };
  return {
    ok: true,
    name,
    policy: {
      apiVersion,
      kind: 'ValidatingAdmissionPolicy',
      metadata: { ...metadata, annotations: annotationsOf(loaded, options, { holding, expiresMs }) },
      spec: {
        failurePolicy: 'Fail',
        matchConstraints: form.matchConstraints,
        ...(matchConditions.length === 0 ? {} : { matchConditions }),
        ...form.spec,
      } as unknown as JsonObject,
    },
    binding: {
      apiVersion,
      kind: 'ValidatingAdmissionPolicyBinding',
      metadata,
      spec: { policyName: name, validationActions: [...options.actions] },
    },
    expiresMs,
    ended: ended.map(({ id }) => id),
  };
}

function refused(reason: string): ExportResult {
  return { ok: false, reason };
}

/** What a policy is beside its name and the exceptions in it. */
type Form = {
  readonly matchConstraints: Json;
  readonly matchConditions: readonly { readonly name: string; readonly expression: string }[];
  readonly spec: Omit<Parameters<typeof compileCelPolicy>[0], 'matchConditions'>;
  readonly isOfDeletions: boolean;
};

function formOf({ control, source, admission }: LoadedControl): Form | { readonly unsayable: string } | undefined {
  if (admission !== undefined) return formOfAdmission(control.meta.id, admission);
  if (source === undefined) return undefined;
  const reason = unsayable(source, control.kinds);
  if (reason !== undefined) return { unsayable: reason };
  return {
    matchConstraints: { matchPolicy: 'Equivalent', resourceRules: rulesOf(control.kinds) },
    matchConditions: [
      { name: 'stays', expression: '!has(object.metadata.deletionTimestamp)' },
      ...(control.kinds.some(({ kind }) => owned.has(kind))
        ? [{ name: 'not-of-its-controller', expression: ownershipCondition }]
        : []),
    ],
    spec: policySpec(control.meta, source),
    isOfDeletions: false,
  };
}

/** It is one already: only what people read says which control it is. */
function formOfAdmission(id: string, { matchConstraints, matchConditions = [], ...spec }: AdmissionSection): Form {
  return {
    matchConstraints: matchConstraints as unknown as Json,
    matchConditions,
    spec: {
      ...spec,
      validations: spec.validations.map(({ message, ...rest }) => ({
        ...rest,
        ...(message === undefined ? {} : { message: `${id}: ${message}` }),
      })),
    },
    isOfDeletions: (matchConstraints.resourceRules ?? []).some(({ operations = ['*'] }) =>
      operations.some((operation) => operation === '*' || operation === 'DELETE'),
    ),
  };
}

const otherLanguages: Readonly<Record<string, string>> = {
  relation: 'it joins objects, and an admission policy sees the one that is asked about',
  rego: 'it is compiled Rego, which the API server does not run',
  kyverno: 'it is a policy of Kyverno, which enforces it itself',
  gatekeeper: 'it is a constraint of Gatekeeper, which enforces it itself',
  'validating-admission-policy': 'it is an admission policy already',
};

/** Kinds that another pod-bearing object can control. */
const owned: ReadonlySet<string> = new Set(['Pod', 'ReplicaSet', 'Job', 'ReplicationController']);

type Excepting = { readonly holding: readonly Exception[]; readonly expiresMs: number | undefined };

function annotationsOf(
  { control: { meta } }: LoadedControl,
  { version }: ExportOptions,
  { holding, expiresMs }: Excepting,
) {
  return {
    'driftline.dev/control': meta.id,
    'driftline.dev/title': meta.title,
    'driftline.dev/severity': meta.severity,
    'driftline.dev/bundle': version,
    ...(expiresMs === undefined
      ? {}
      : {
          'driftline.dev/exceptions': holding.map(({ id, expires }) => `${id} until ${expires}`).join(', '),
          'driftline.dev/export-again-before': formatTimestampUs(expiresMs * 1_000),
          'driftline.dev/exceptions-note':
            'Creations are held from the end of an exception on. Updates are not, because admission has no clock: export again before.',
        }),
  };
}

function rulesOf(kinds: readonly GroupKind[]): Json[] {
  const groups = new Map<string, string[]>();
  for (const { group, kind } of kinds) {
    const resources = groups.get(group) ?? [];
    groups.set(group, resources);
    resources.push(resourceNameOf(kind));
    // A debug container is added by way of the subresource.
    if (group === '' && kind === 'Pod') resources.push('pods/ephemeralcontainers');
  }
  return [...groups].map(([group, resources]) => ({
    apiGroups: [group],
    apiVersions: [versions[group] ?? '*'],
    operations: ['CREATE', 'UPDATE'],
    resources,
  }));
}

/** The names of admission are not those of controls: what became of the rewriting must compile. */
function problemsOf(policy: Parameters<typeof compileCelPolicy>[0]): string {
  const compiled = compileCelPolicy(policy, { scope: admissionScope });
  if (!('problems' in compiled)) return '';
  return compiled.problems.map(({ keys, reason }) => `${keys.join('.')}: ${reason}`).join('; ');
}
