/**
 * Secrets that a name in the same text announces: `password=…`, `token: "…"`, `--api-key …`, `<secret>…</secret>`,
 * YAML block scalars, name/value pairs. One pass over the hits of a keyword; what is looked at around a hit is bounded
 * or consumed, so that the time is linear in the text.
 */
import { type NameHit, valueAfter } from './assigned-value.ts';
import { classifyName } from './name.ts';
import type { Span } from './span.ts';
import { isSecretText } from './value.ts';

const keywords =
  'pass|pwd|secret|token|key|cred|auth|bearer|conn(?:ection)?[_-]?str|cookie|salt|seed|session|dsn|jwt|licen[sc]e|netrc|userdata|sas\\b|pw\\b|\\bp(?:at|in)\\b|otp\\b|hmac';

/** Either case of each letter: tests of short texts are twice as fast so as with the flag. */
const keywordSource = keywords.replace(/\\[a-z]|\[[^\]]*\]|[a-z]/g, (part) =>
  part.length === 1 ? `[${part}${part.toUpperCase()}]` : part === '[sc]' ? '[scSC]' : part,
);

/** Cheap first look: a text that this does not match announces nothing. */
export const keywordTrigger = new RegExp(keywordSource);

const keywordHit = new RegExp(keywordSource, 'g');
const maxNameLength = 128;

/** All announced secrets in the text. */
export function findAssignments(text: string): Span[] {
  const spans: Span[] = [];
  keywordHit.lastIndex = 0;
  for (let match = keywordHit.exec(text); match !== null; match = keywordHit.exec(text)) {
    const hit = nameAround(text, match.index);
    keywordHit.lastIndex = Math.max(hit.end, match.index + 1);
    const nameClass = classifyName(hit.name);
    if (nameClass === undefined) continue;
    const found = valueAfter(text, hit);
    for (const { start, end } of found) {
      if (!isSecretText(text.slice(start, end), hit.name, nameClass)) continue;
      spans.push({ start, end, secretClass: nameClass.secretClass });
    }
    const last = found.at(-1);
    if (last !== undefined && !last.isOpen) keywordHit.lastIndex = Math.max(keywordHit.lastIndex, last.end);
  }
  return spans;
}

/** The whole identifier around a keyword: letters, digits, `_`, `-`, `.`; at most 128 characters to each side. */
function nameAround(text: string, index: number): NameHit {
  let start = index;
  while (start > 0 && index - start < maxNameLength && isNameCharacter(text.charCodeAt(start - 1))) start--;
  while (text.charCodeAt(start) === 45) start++;
  let end = index;
  while (end < text.length && end - index < maxNameLength && isNameCharacter(text.charCodeAt(end))) end++;
  return { name: text.slice(start, end), start, end };
}

function isNameCharacter(code: number): boolean {
  return (
    (code >= 97 && code <= 122) ||
    (code >= 65 && code <= 90) ||
    (code >= 48 && code <= 57) ||
    code === 95 ||
    code === 45 ||
    code === 46
  );
}
