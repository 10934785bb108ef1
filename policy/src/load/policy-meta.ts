/**
 * What people read of a policy that was written for another engine: from the annotations its authors use, else from its
 * name. `driftline.dev/*` annotations say what others have no word for.
 */
import type { JsonObject } from '@driftline/proto';
import type { Category, ControlMeta, Severity } from '../contract.ts';
import { stringAt } from '../language/read-json.ts';

const severities = ['critical', 'high', 'medium', 'low', 'info'] as const satisfies readonly Severity[];
const categories = [
  'identity',
  'network',
  'data',
  'compute',
  'supply-chain',
  'governance',
] as const satisfies readonly Category[];

/** The weights our own controls of each severity have in the middle. */
const weights: Readonly<Record<Severity, number>> = { critical: 9, high: 6, medium: 4, low: 2, info: 1 };

export type PolicyMetaInput = {
  readonly id: string;
  readonly title: string;
  /** What the policy asks, where the annotations do not say it. */
  readonly description?: string;
  readonly policy: JsonObject;
};

/** Never fails: what an annotation does not say readably has its default (medium, governance). */
export function policyMeta({ id, title, description, policy }: PolicyMetaInput): ControlMeta {
  const annotation = (...names: readonly string[]) =>
    names.map((name) => stringAt(policy, 'metadata', 'annotations', name).trim()).find((text) => text !== '');
  const severity = oneOf(severities, annotation('driftline.dev/severity', 'policies.kyverno.io/severity')) ?? 'medium';
  const category = oneOf(categories, annotation('driftline.dev/category')) ?? 'governance';
  const rationale =
    annotation('driftline.dev/rationale', 'policies.kyverno.io/description', 'description') ?? description ?? title;
  const named = annotation('driftline.dev/title', 'policies.kyverno.io/title', 'metadata.gatekeeper.sh/title');
  return Object.freeze({
    id,
    title: named === undefined || named === title ? title : `${named} (${title})`,
    severity,
    weight: weights[severity],
    category,
    rationale,
    remediation: {
      summary: annotation('driftline.dev/remediation') ?? 'Change the object so that it meets the policy.',
      fields: [],
      impact: 'The policy does not say.',
    },
    references: [],
    frameworks: [],
  });
}

function oneOf<T extends string>(values: readonly T[], text: string | undefined): T | undefined {
  const lower = text?.toLowerCase();
  return values.find((value) => value === lower);
}
