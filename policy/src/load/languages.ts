/** The policy languages. A new one is a folder below language/ and a line here. */
import { controlLanguage } from './control-language.ts';
import type { PolicyLanguage } from './policy-language.ts';

export const languages: readonly PolicyLanguage[] = [controlLanguage];
