/** URLs as Go's net/url reads them. */
export type UrlParts = {
  readonly scheme: string;
  readonly host: string;
  readonly escapedPath: string;
  readonly query: string;
  readonly text: string;
};

const badEscape = /%(?![0-9a-fA-F]{2})/;
// What may stand unescaped in a host: unreserved, sub-delimiters, and brackets and colon for addresses and ports.
const hostCharacters = /^[A-Za-z0-9\-._~!$&'()*+,;=:[\]<>"%\u0080-\uffff]*$/;
const userInfoCharacters = /^[A-Za-z0-9\-._:~!$&'()*+,;=%@]*$/;

/**
 * The parts of an absolute URL or absolute path, or the sentence that says why not. Fragments are taken off. Hosts are
 * not unescaped.
 */
export function parseUrl(text: string): UrlParts | string {
  const failed = (reason: string): string => `parse ${JSON.stringify(text)}: ${reason}`;
  if (text === '') return failed('empty url');
  if (/[\p{Cc}]/u.test(text)) return failed('net/url: invalid control character in URL');
  const hash = text.indexOf('#');
  const bare = hash < 0 ? text : text.slice(0, hash);
  if (bare.startsWith(':')) return failed('missing protocol scheme');
  const scheme = /^([A-Za-z][A-Za-z0-9+.-]*):/.exec(bare)?.[1] ?? '';
  const afterScheme = scheme === '' ? bare : bare.slice(scheme.length + 1);
  const mark = afterScheme.indexOf('?');
  const query = mark < 0 ? '' : afterScheme.slice(mark + 1);
  const rest = mark < 0 ? afterScheme : afterScheme.slice(0, mark);
  const lower = scheme.toLowerCase();
  if (!rest.startsWith('/')) {
    if (lower === '') return failed('invalid URI for request');
    return { scheme: lower, host: '', escapedPath: '', query, text };
  }
  if (!rest.startsWith('//') || (lower === '' && rest.startsWith('///')))
    return withPath({ scheme: lower, host: '', query, text }, rest, failed);
  const slash = rest.indexOf('/', 2);
  const host = authority(slash < 0 ? rest.slice(2) : rest.slice(2, slash));
  if (typeof host !== 'string') return failed(host.reason);
  return withPath({ scheme: lower, host, query, text }, slash < 0 ? '' : rest.slice(slash), failed);
}

function withPath(
  parts: Omit<UrlParts, 'escapedPath'>,
  path: string,
  failed: (reason: string) => string,
): UrlParts | string {
  const escape = badEscape.exec(path);
  if (escape !== null)
    return failed(`invalid URL escape ${JSON.stringify(path.slice(escape.index, escape.index + 3))}`);
  return { ...parts, escapedPath: escapedPath(path) };
}

/** As given where every character may stand there, else escaped anew. */
function escapedPath(path: string): string {
  if (/^[A-Za-z0-9\-._~!$&'()*+,;=:@/[\]%]*$/.test(path)) return path;
  const bytes = new TextEncoder().encode(
    path.replace(/%([0-9a-fA-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16))),
  );
  return Array.from(bytes, escapedByte).join('');
}

function escapedByte(byte: number): string {
  const character = String.fromCharCode(byte);
  return /[A-Za-z0-9\-._~$&+,/:;=@]/.test(character)
    ? character
    : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
}

/** The host and port of `user@host:port`, or why it is none. */
function authority(text: string): string | { readonly reason: string } {
  const at = text.lastIndexOf('@');
  if (at >= 0 && !userInfoCharacters.test(text.slice(0, at))) return { reason: 'net/url: invalid userinfo' };
  const host = text.slice(at + 1);
  if (host.startsWith('[')) {
    const close = host.lastIndexOf(']');
    if (close < 0) return { reason: "missing ']' in host" };
    return portProblem(host.slice(close + 1)) ?? host;
  }
  const colon = host.lastIndexOf(':');
  if (colon >= 0) {
    const problem = portProblem(host.slice(colon));
    if (problem !== undefined) return problem;
  }
  const bad = Array.from(host).find((character) => !hostCharacters.test(character));
  if (bad !== undefined) return { reason: `invalid character ${JSON.stringify(bad)} in host name` };
  return badEscape.test(host) ? { reason: 'invalid URL escape in host name' } : host;
}

const portProblem = (text: string): { readonly reason: string } | undefined =>
  text === '' || /^:\d*$/.test(text) ? undefined : { reason: `invalid port ${JSON.stringify(text)} after host` };

export function hostName(host: string): string {
  const bracketed = /^\[(.*)\]/.exec(host)?.[1];
  return bracketed ?? host.replace(/:\d*$/, '');
}

export const portOf = (host: string): string => /:(\d*)$/.exec(host.replace(/^\[.*\]/, ''))?.[1] ?? '';

/** Names to values in order; what is malformed is left out, as Go does. */
export function parseQuery(query: string): ReadonlyMap<string, readonly string[]> {
  const values = new Map<string, string[]>();
  for (const pair of query.split('&')) {
    if (pair === '' || pair.includes(';')) continue;
    const equals = pair.indexOf('=');
    const name = unescaped(equals < 0 ? pair : pair.slice(0, equals));
    const value = unescaped(equals < 0 ? '' : pair.slice(equals + 1));
    if (name === undefined || value === undefined) continue;
    values.set(name, [...(values.get(name) ?? []), value]);
  }
  return values;
}

function unescaped(text: string): string | undefined {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '));
  } catch {
    return undefined;
  }
}
