import type { Hmac } from '../message.ts';

const whole = /^redacted\([a-z0-9-]+\):[A-Za-z0-9_-]{22}$/;

/** A marker anywhere in a text. */
export const markerPattern = /redacted\([a-z0-9-]+\):[A-Za-z0-9_-]{22}/g;

/** Stands where a secret was: its class for people, and a keyed digest so that equal secrets stay equal. */
export function marker(secretClass: string, secret: string, hmac: Hmac): string {
  return `redacted(${secretClass}):${hmac(secret)}`;
}

/** False only where no string of the JSON text is a marker: much cheaper than a look at each. */
export function mayHoldMarker(jsonText: string): boolean {
  // An escape could spell any letter. One rare character is found much faster than a word that begins with a frequent one.
  return (
    (jsonText.includes('(') && jsonText.includes('"redacted(')) || (jsonText.includes('\\') && jsonText.includes('\\u'))
  );
}

/** Whether the whole text is one marker. */
export function isRedacted(text: string): boolean {
  return text.startsWith('redacted(') && whole.test(text);
}
