/** JSON Pointers (RFC 6901). */
import { ProtocolError } from './error.ts';

/** An object key, or a list index. */
export type Segment = string | number;

/** The pointer text of a path; '' is the whole document. */
export function pointer(path: readonly Segment[]): string {
  let text = '';
  for (const segment of path) text += `/${typeof segment === 'number' ? segment : escapeSegment(segment)}`;
  return text;
}

function escapeSegment(segment: string): string {
  return segment.includes('~') || segment.includes('/') ? segment.replaceAll('~', '~0').replaceAll('/', '~1') : segment;
}

/** The unescaped segments of a pointer. Throws ProtocolError 'invalid-patch' when it is none. */
export function parsePointer(text: string): string[] {
  if (text === '') return [];
  if (!text.startsWith('/')) throw new ProtocolError('invalid-patch', 'a JSON Pointer begins with a slash');
  const segments = text.slice(1).split('/');
  if (!text.includes('~')) return segments;
  return segments.map((segment) => {
    if (/~(?![01])/.test(segment)) throw new ProtocolError('invalid-patch', 'a JSON Pointer has a stray tilde');
    return segment.replaceAll('~1', '/').replaceAll('~0', '~');
  });
}
