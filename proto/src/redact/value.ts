/** What a value itself says, when its field's name is suspicious. */
import { decodeBase64 } from './base64.ts';
import { isCounter, type NameClass } from './name.ts';
import { isRedacted } from './marker.ts';

const plainWords: ReadonlySet<string> = new Set(
  'true false yes no on off none null nil undefined ~ 0 1 enabled disabled enable disable optional required default auto always never'.split(
    ' ',
  ),
);

const reference =
  /^(?:\$\$?\([\w.-]+\)|\$\$?\{[\w.:-]*\}|\$\$?[A-Z_][A-Z0-9_]*|\$\w*(?:pass|secret|token|key|cred)\w*|\$[0-9@*#?]|%[A-Za-z_]\w*%|\{\{[^{}]*\}\})$/i;

/** A command whose output is the value; the text that echo and printf get is the value itself. */
const substitution = /^\$\((?!\s*(?:echo|printf)\b)[^'`]*\)?$/;

const filePath =
  /^(?:\/(?:etc|var|run|home|opt|usr|tmp|mnt|srv|root|proc|data|app|secrets?|vault|tls|certs?|config|credentials|workspace|tekton|bitnami|dev|kubernetes)(?:\/[\w.@-]+)+\/?|(?:\/[a-z][a-z0-9._-]*){2,}\/?|file:\/\/\/\S+)$/;

/** `/`, `/app`, `/usr/src`; a password in plain letters behind a slash is taken for one, too. */
const rootFolder = /^(?:\/|(?:\/[a-z][a-z_-]{0,24}){1,8}\/?)$/;

const keyFile = /^[a-z0-9_./-]{1,128}\.(?:pem|key|crt|cer|jks|p12|json|ya?ml|txt)$/;

const external = /^(?:vault:[\w/-]+#[\w.-]+|op:\/\/\S+|arn:aws[\w-]*:[\w-]+:\S+|ref\+[\w]+:\/\/\S+)$/;

/** Whether a text under a suspicious name is a word, a reference to a variable, a file or a vault entry: no secret. */
export function isPlainText(value: string): boolean {
  if (value === '') return true;
  if (value.length <= 10 && plainWords.has(value.toLowerCase())) return true;
  if (value.length > 256) return false;
  const first = value.charCodeAt(0);
  if (first === 36) return reference.test(value) || substitution.test(value);
  if (first === 37 || first === 123) return reference.test(value);
  return first === 47 || first === 102 ? filePath.test(value) : external.test(value);
}

/** Whether a text under such a name is to be redacted. */
export function isSecretText(value: string, name: string, nameClass: NameClass): boolean {
  if (isPlainText(value) || isRedacted(value)) return false;
  if (nameClass.mayBeFolder && rootFolder.test(value)) return false;
  if (nameClass.isWeak) return looksRandom(value) || isBasicCredential(value);
  if (/^\d+(?:\.\d+)?$/.test(value)) return isSecretNumber(value, name, nameClass);
  if (nameClass.secretClass !== 'password' && keyFile.test(value)) return false;
  return true;
}

/** Whether digits under such a name are to be redacted. */
export function isSecretNumber(digits: string, name: string, nameClass: NameClass): boolean {
  if (nameClass.isWeak || isCounter(name)) return false;
  return nameClass.mayBeNumber || digits.length >= 6;
}

/** At least 16 characters without spaces that no words, path, URL, host or version are made of. */
export function looksRandom(value: string): boolean {
  if (value.length < 16 || value.length > 4096 || /[\s:]/.test(value)) return false;
  if (!/\d/.test(value) || !/[A-Za-z]/.test(value)) return false;
  if (value.split(/[-_./[\]]+/).every(isWord)) return false;
  return entropyBits(value) >= 3.3;
}

function isWord(segment: string): boolean {
  return segment.length <= 3 || /^[A-Za-z]*\d{0,4}$/.test(segment) || /^v\d+(?:alpha|beta)\d+$/.test(segment);
}

/** Base64 of `user:password` in printable characters, as registries and HTTP have it. */
export function isBasicCredential(value: string): boolean {
  if (value.length < 4 || value.length > 4096 || !/^[A-Za-z0-9+/_-]+={0,2}$/.test(value)) return false;
  return /^[\x20-\x7e]+:[\x20-\x7e]+$/.test(decodeBase64(value) ?? '');
}

/** Shannon entropy per character, over the first 256 characters. */
function entropyBits(value: string): number {
  const counts = new Map<string, number>();
  const sample = value.slice(0, 256);
  for (const character of sample) counts.set(character, (counts.get(character) ?? 0) + 1);
  let bits = 0;
  for (const count of counts.values()) bits -= (count / sample.length) * Math.log2(count / sample.length);
  return bits;
}
