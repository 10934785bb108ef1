import { CelMap } from '../cel-map.ts';
import { CelOpaque } from '../equality.ts';
import { type CelError, invalid } from '../error.ts';
import { define, type Definition } from '../signature.ts';
import { traversal } from './cost.ts';
import { hostName, parseQuery, parseUrl, portOf, type UrlParts } from './url-parts.ts';

export class CelUrl extends CelOpaque {
  readonly celKind = 'kubernetes.URL';
  readonly parts: UrlParts;
  constructor(parts: UrlParts) {
    super();
    this.parts = parts;
  }
  equals(other: CelOpaque): boolean {
    return other instanceof CelUrl && other.parts.text === this.parts.text;
  }
  override toString(): string {
    return this.parts.text;
  }
}

function url(text: string): CelUrl | CelError {
  const parts = parseUrl(text);
  return typeof parts === 'string'
    ? invalid(`URL parse error during conversion from string: ${parts}`)
    : new CelUrl(parts);
}

const part = (name: string, read: (parts: UrlParts) => string): Definition =>
  define(`kubernetes.URL::${name}() -> string`, ({ parts }: CelUrl) => read(parts));

function query({ parts }: CelUrl): CelMap {
  const map = new CelMap();
  for (const [name, values] of parseQuery(parts.query)) map.add(name, values);
  return map;
}

export const urlDefinitions: readonly Definition[] = [
  define('url(string) -> kubernetes.URL', url, traversal),
  define('isURL(string) -> bool', (text: string) => url(text) instanceof CelUrl, traversal),
  part('getScheme', ({ scheme }) => scheme),
  part('getHost', ({ host }) => host),
  part('getHostname', ({ host }) => hostName(host)),
  part('getPort', ({ host }) => portOf(host)),
  part('getEscapedPath', ({ escapedPath }) => escapedPath),
  define('kubernetes.URL::getQuery() -> map<string, list<string>>', query),
];
