/** The policy languages. A new one is a folder below language/ and a line here. */
import { validatingAdmissionPolicies } from '../language/admission/validating-admission-policy.ts';
import { gatekeeper } from '../language/gatekeeper/gatekeeper.ts';
import { kyvernoPolicies } from '../language/kyverno/cluster-policy.ts';
import { kyvernoCelPolicies } from '../language/kyverno/validating-policy.ts';
import { controlLanguage } from './control-language.ts';
import type { PolicyLanguage } from './policy-language.ts';

export const languages: readonly PolicyLanguage[] = [
  controlLanguage,
  validatingAdmissionPolicies,
  gatekeeper,
  kyvernoPolicies,
  kyvernoCelPolicies,
];
