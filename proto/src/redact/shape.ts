/** Secrets that give themselves away by their form, wherever they stand. Every pattern runs in linear time. */
import { decodeBase64 } from './base64.ts';
import type { Span } from './span.ts';
import { isBasicCredential } from './value.ts';

type Shape = {
  readonly secretClass: string;
  /** Global; its group `secret`, or else the whole match, is the secret. */
  readonly pattern: RegExp;
  readonly accepts?: (secret: string) => boolean;
  /** One of these is in every match. Named where the pattern would be tried at each character of a text to find none. */
  readonly words?: readonly string[];
};

/** Cheap first look: a text that this does not match holds none of the shapes. */
export const shapeTrigger =
  /:\/\/|-----BEGIN |LS0tLS1CRUdJTi|eyJ|A(?:KIA|SIA|IDA|ROA|GPA|IPA|NPA|NVA)[A-Z0-9]|gh[pousr]_|github_pat_|gl[a-z]{2,5}-|xox[a-z]|xapp-|[sr]k_(?:live|test)_|whsec_|npm_|AIza|ya29\.|GOCSPX-|SG\.|dop_v1_|dckr_pat_|pypi-|hf_|sk-|hvs\.|glsa_|shpat_|lin_api_|AGE-SECRET|atlasv1|[Bb]earer |[Bb]asic |BEARER |BASIC |@(?:tcp|unix|udp)\(|H4sI|SDRzSU|sig=|X-Amz-|--from-literal|chpasswd|--password-stdin|oracle:thin:/;

const shapes: readonly Shape[] = [
  {
    secretClass: 'private-key',
    pattern:
      /-----BEGIN [A-Z0-9 ]{0,32}PRIVATE KEY(?: BLOCK)?-----[^-]*(?:-(?!----END )[^-]*)*(?:-----END [A-Z0-9 ]{0,32}-----)?/g,
  },
  { secretClass: 'private-key', pattern: /LS0tLS1CRUdJTi[A-Za-z0-9+/_=-]{20,}/g, accepts: isEncodedPrivateKey },
  { secretClass: 'private-key', pattern: /AGE-SECRET-KEY-1[A-Z0-9]{20,80}/g },
  { secretClass: 'token', pattern: /(?<![\w-])eyJ[\w-]{8,}\.[\w-]{4,}\.[\w-]*/g },
  { secretClass: 'token', pattern: /(?<![\w-])eyJ[\w-]{8,}\.[\w-]*\.[\w-]*\.[\w-]*\.[\w-]*/g },
  {
    secretClass: 'aws-access-key-id',
    pattern: /(?<![A-Z0-9])(?:AKIA|ASIA)[A-Z0-9]{16}(?![A-Z0-9])/g,
    words: ['AKIA', 'ASIA'],
  },
  { secretClass: 'token', pattern: /gh[pousr]_[A-Za-z0-9]{30,255}|github_pat_\w{22,255}/g },
  { secretClass: 'token', pattern: /(?<![a-z])gl(?:pat|dt|rt|cbt|ptt|oas|soat|agent|imt|ffct|ft)-[\w.-]{20,128}/g },
  { secretClass: 'token', pattern: /xox[a-z](?:\.xox[a-z])?-[\w-]{10,255}|xapp-[\w-]{10,255}/g },
  {
    secretClass: 'webhook-url',
    pattern: /:\/\/hooks\.slack\.com\/(?:services|workflows)\/(?<secret>[\w/+-]{8,255})/dg,
  },
  {
    secretClass: 'webhook-url',
    pattern: /:\/\/(?:\w+\.)?discord(?:app)?\.com\/api\/webhooks\/(?<secret>[\w/-]{20,255})/dg,
  },
  { secretClass: 'webhook-url', pattern: /:\/\/[\w.-]{1,128}\.webhook\.office\.com\/(?<secret>[\w@/-]{20,512})/dg },
  { secretClass: 'token', pattern: /:\/\/api\.telegram\.org\/bot(?<secret>[\w:-]{20,128})/dg },
  {
    secretClass: 'api-key',
    pattern: /(?<![A-Za-z])[sr]k_(?:live|test)_[A-Za-z0-9]{10,255}|whsec_[A-Za-z0-9+/=]{20,255}/g,
  },
  {
    secretClass: 'token',
    pattern: /npm_[A-Za-z0-9]{30,64}|pypi-[\w-]{40,255}|dckr_pat_[\w-]{20,64}|hf_[A-Za-z0-9]{30,64}/g,
  },
  { secretClass: 'api-key', pattern: /AIza[\w-]{35}|GOCSPX-[\w-]{20,64}|(?<![\w.])ya29\.[\w-]{20,2048}/g },
  { secretClass: 'api-key', pattern: /(?<![\w.])SG\.[\w-]{16,64}\.[\w-]{16,64}/g },
  { secretClass: 'api-key', pattern: /(?<![\w-])sk-[A-Za-z0-9_-]{24,255}/g, accepts: isMixed },
  {
    secretClass: 'token',
    pattern: /do[opr]_v1_[a-f0-9]{64}|shp(?:at|ca|pa|ss)_[a-fA-F0-9]{32}|lin_api_[A-Za-z0-9]{30,64}/g,
  },
  {
    secretClass: 'token',
    pattern:
      /(?<!\w)hv[sbr]\.[\w-]{20,255}|gl(?:sa|c)_[A-Za-z0-9_+/=]{30,255}|[A-Za-z0-9]{10,16}\.atlasv1\.[\w-]{40,128}/g,
    words: ['hvs.', 'hvb.', 'hvr.', 'glsa_', 'glc_', '.atlasv1.'],
  },
  {
    secretClass: 'token',
    pattern: /\b[Bb](?:earer|EARER) +(?<secret>[\w.~+/=:|-]{8,8192})/dg,
    accepts: isCredential,
    words: ['earer ', 'EARER '],
  },
  {
    secretClass: 'password',
    pattern: /\b[Bb](?:asic|ASIC) +(?<secret>[A-Za-z0-9+/_-]{4,4096}={0,2})/dg,
    accepts: isBasicCredential,
    words: ['asic ', 'ASIC '],
  },
  {
    secretClass: 'signature',
    pattern: /[?&](?:sig|X-Amz-Signature|X-Amz-Security-Token|X-Goog-Signature)=(?<secret>[\w%+/=.-]{16,4096})/dg,
  },
  {
    secretClass: 'password',
    pattern: /(?<![\w.])[\w.-]{1,64}:(?<secret>[^\s@"']{1,256})@(?:tcp|unix|udp)\(/dg,
    words: ['@tcp(', '@unix(', '@udp('],
  },
  { secretClass: 'password', pattern: /oracle:thin:[\w.-]{1,64}\/(?<secret>[^\s@"']{1,256})@/dg },
  { secretClass: 'secret', pattern: /--from-literal[= \t]["']?[\w.-]{1,256}=(?<secret>[^\s"']{1,8192})/dg },
  {
    secretClass: 'password',
    pattern: /[\w.-]{1,64}:(?<secret>[^\s"':]{1,256})["']?[ \t]{0,8}\|[ \t]{0,8}(?:sudo )?chpasswd/dg,
    words: ['chpasswd'],
  },
  {
    secretClass: 'password',
    pattern:
      /(?:echo|printf)[ \t]{1,8}(?:-\w+[ \t]{1,8})?["']?(?<secret>[^\s"'$|-][^\s"'|]{0,1024})["']?[ \t]{0,8}\|[^|\n]{0,256}--password-stdin/dg,
    words: ['--password-stdin'],
  },
  { secretClass: 'archive', pattern: /(?<![A-Za-z0-9+/])(?:H4sI|SDRzSU)[A-Za-z0-9+/=]{40,}/g },
];

/** All shapes in the text. Cheap when shapeTrigger does not match. */
export function findShapes(text: string): Span[] {
  const spans: Span[] = [];
  if (!shapeTrigger.test(text)) return spans;
  for (const shape of shapes) collect(text, shape, spans);
  findUrlPasswords(text, spans);
  return spans;
}

function collect(text: string, shape: Shape, spans: Span[]): void {
  if (shape.words?.some((word) => text.includes(word)) === false) return;
  shape.pattern.lastIndex = 0;
  for (let match = shape.pattern.exec(text); match !== null; match = shape.pattern.exec(text)) {
    const [start, end] = match.indices?.groups?.['secret'] ?? [match.index, match.index + match[0].length];
    if (shape.accepts?.(text.slice(start, end)) === false) continue;
    spans.push({ start, end, secretClass: shape.secretClass });
  }
}

/**
 * `scheme://user:password@host`: the password. `scheme://token@host`: the user, when it is long enough to be no name.
 * A password may hold '/' and '@' when nobody escaped it: the last '@' counts, before the path when there is one there,
 * unless what follows the first ':' is a port.
 */
function findUrlPasswords(text: string, spans: Span[]): void {
  let at = text.indexOf('://');
  while (at !== -1) {
    const next = text.indexOf('://', at + 3);
    const start = at + 3;
    const url = text.slice(start, endOfUrl(text, start, next === -1 ? text.length : next));
    const [from, to, secretClass] = urlSecret(url);
    if (to > from) spans.push({ start: start + from, end: start + to, secretClass });
    at = next;
  }
}

type UrlSecret = readonly [from: number, to: number, secretClass: string];
const noSecret: UrlSecret = [0, 0, ''];

/** Takes what follows `://`. */
function urlSecret(url: string): UrlSecret {
  const lastAt = url.lastIndexOf('@');
  if (lastAt === -1) return noSecret;
  const slash = url.search(/[/?#]/);
  const atBeforePath = slash === -1 ? lastAt : url.slice(0, slash).lastIndexOf('@');
  const at = atBeforePath === -1 ? lastAt : atBeforePath;
  const hasRawSlash = slash !== -1 && slash < at;
  const colon = url.indexOf(':');
  if (colon !== -1 && colon < at) {
    const isPort = hasRawSlash && /^\d{0,5}[/?#]/.test(url.slice(colon + 1, colon + 7));
    if (isPort || (hasRawSlash && slash < colon)) return noSecret;
    return isPlaceholder(url.slice(colon + 1, at)) ? noSecret : [colon + 1, at, 'password'];
  }
  const isToken = !hasRawSlash && at >= 16 && hasDigit(url.slice(0, at));
  return isToken ? [0, at, 'token'] : noSecret;
}

function isPlaceholder(password: string): boolean {
  if (password.length > 256) return false;
  return /^(?:|\$\([\w.-]+\)|\$\{[\w.:-]*\}|\$[A-Z_][A-Z0-9_]*|\{\{[^{}]*\}\}|%[a-z]|<[\w -]+>|\*+|[xX]+)$/.test(
    password,
  );
}

function endOfUrl(text: string, start: number, limit: number): number {
  let end = start;
  while (end < limit && !isUrlEnd(text.charCodeAt(end))) end++;
  return end;
}

/** Space, control, quote, angle bracket, backtick, backslash. */
function isUrlEnd(code: number): boolean {
  return code <= 32 || code === 34 || code === 39 || code === 60 || code === 62 || code === 96 || code === 92;
}

const secretKeyPattern = /(?<![A-Za-z0-9+/=_-])[A-Za-z0-9+/]{40}(?![A-Za-z0-9+/=_-])/g;

/** 40-character secrets as they accompany an AWS access key id; digests in hex are none. */
export function findSecretKeys(text: string): Span[] {
  const spans: Span[] = [];
  if (text.length < 40) return spans;
  for (const match of text.matchAll(secretKeyPattern)) {
    const secret = match[0];
    if (/[a-z]/.test(secret) && /[A-Z]/.test(secret) && /\d|[+/]/.test(secret)) {
      spans.push({ start: match.index, end: match.index + 40, secretClass: 'access-key' });
    }
  }
  return spans;
}

function hasDigit(secret: string): boolean {
  return /\d/.test(secret);
}

function isMixed(secret: string): boolean {
  return hasDigit(secret) && /[A-Z]/.test(secret) && /[a-z]/.test(secret);
}

function isCredential(secret: string): boolean {
  return secret.length >= 24 || (secret.length >= 8 && /\d/.test(secret));
}

/** Base64 of a PEM text: certificates are public, keys are not. */
function isEncodedPrivateKey(secret: string): boolean {
  return decodeBase64(secret.slice(0, 120))?.includes('PRIVATE KEY') ?? true;
}
