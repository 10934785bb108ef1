/** Latin-1 text of a Base64 value (both alphabets, with or without padding), or undefined. */
export function decodeBase64(encoded: string): string | undefined {
  const standard = encoded.replaceAll('-', '+').replaceAll('_', '/').replace(/=+$/, '');
  try {
    return atob(standard.length % 4 === 1 ? standard.slice(0, -1) : standard);
  } catch {
    return undefined;
  }
}

const utf8 = new TextDecoder('utf-8', { fatal: true });

/** UTF-8 text of a Base64 value, or undefined when it is not Base64 or not text. */
export function decodeBase64Text(encoded: string): string | undefined {
  const latin1 = decodeBase64(encoded);
  if (latin1 === undefined || !/[\x80-\xff]/.test(latin1)) return latin1;
  try {
    return utf8.decode(Uint8Array.from(latin1, (character) => character.charCodeAt(0)));
  } catch {
    return undefined;
  }
}

const minEncodedLength = 20;

/** Whether a whole text may be Base64 of a text. Looks at its length and characters only. */
export function looksEncoded(text: string): boolean {
  return text.length >= minEncodedLength && text.length % 4 === 0 && /^[A-Za-z0-9+/]+={0,2}$/.test(text);
}

/** Whether a text has no control characters but white space. */
export function isPrintable(text: string): boolean {
  return !/[^\t\n\r\u0020-\u007e\u00a0-\uffff]/.test(text);
}
