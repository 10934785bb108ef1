/** Secrets in a text of any kind: only they are replaced, the rest stays as it was. */
import type { Hmac } from '../message.ts';
import { findAssignments, keywordTrigger } from './assignment.ts';
import { findCommandSecrets } from './command.ts';
import { marker, markerPattern } from './marker.ts';
import { findSecretKeys, findShapes, shapeTrigger } from './shape.ts';
import { mergeSpans, type Span } from './span.ts';

/** What redaction carries along one object. */
export type RedactContext = {
  readonly hmac: Hmac;
  /** Look everywhere for the 40-character companions of AWS access key ids. */
  readonly findsSecretKeys: boolean;
  /** Set when an AWS access key id is met. */
  sawAccessKeyId: boolean;
};

/** A marker in place of a whole value. */
export function redactWhole(value: string, secretClass: string, context: RedactContext): string {
  if (accessKeyId.test(value)) context.sawAccessKeyId = true;
  return marker(secretClass, value, context.hmac);
}

/** Shorter texts hold neither a shape nor an assignment. */
const minTextLength = 6;
const accessKeyId = /(?<![A-Z0-9])A(?:KIA|SIA)[A-Z0-9]{16}(?![A-Z0-9])/;

/** Shorter texts hold no shape, unless a space or '@' is in them. */
const minShapeLength = 16;

function mayHoldShape(text: string): boolean {
  return (text.length >= minShapeLength || /[ @]/.test(text)) && shapeTrigger.test(text);
}

/** A name and its value need something between them. */
function mayHoldAssignment(text: string): boolean {
  return /[=:\s>-]/.test(text) && keywordTrigger.test(text);
}

function mayHoldFlags(text: string): boolean {
  return (text.charCodeAt(0) === 45 || text.includes(' -') || text.includes('\n-')) && /(?:^|\s)-[pua]/.test(text);
}

/** Short texts that were found to need no look: the same words come in object after object. Never holds a secret's text. */
const cleanTexts = new Set<string>();
const maxCleanTexts = 8192;
const maxCleanTextLength = 64;

/** A quick no for most texts; a yes means only that redactText has to look. */
export function mayHoldSecret(text: string, context: RedactContext): boolean {
  if (text.length < minTextLength || context.findsSecretKeys) return context.findsSecretKeys;
  const isShort = text.length <= maxCleanTextLength;
  if (isShort && cleanTexts.has(text)) return false;
  if (mayHoldShape(text) || mayHoldAssignment(text) || mayHoldFlags(text)) return true;
  if (isShort) {
    if (cleanTexts.size >= maxCleanTexts) cleanTexts.clear();
    cleanTexts.add(text);
  }
  return false;
}

/** The text without its secrets; the same string when there are none. */
export function redactText(text: string, context: RedactContext): string {
  if (text.length < minTextLength) return text;
  const hasShapes = mayHoldShape(text);
  const hasKeywords = mayHoldAssignment(text);
  const hasCommands = mayHoldFlags(text);
  let spans: Span[] = [];
  if (hasShapes) {
    spans = spans.concat(findShapes(text));
    if (accessKeyId.test(text)) context.sawAccessKeyId = true;
  }
  if (hasKeywords) spans = spans.concat(findAssignments(text));
  if (hasCommands) spans = spans.concat(findCommandSecrets(text));
  if (context.findsSecretKeys) spans = spans.concat(findSecretKeys(text));
  return spans.length === 0 ? text : replaceSpans(text, withoutMarkers(text, mergeSpans(spans)), context.hmac);
}

function replaceSpans(text: string, spans: readonly Span[], hmac: Hmac): string {
  let result = '';
  let from = 0;
  for (const { start, end, secretClass } of spans) {
    result += text.slice(from, start) + marker(secretClass, text.slice(start, end), hmac);
    from = end;
  }
  return result + text.slice(from);
}

/** Markers in the text are no secrets: a span is cut where one stands, and dropped when nothing else is in it. */
function withoutMarkers(text: string, spans: readonly Span[]): readonly Span[] {
  if (!text.includes('redacted(')) return spans;
  const markers = [...text.matchAll(markerPattern)].map((match) => ({
    start: match.index,
    end: match.index + match[0].length,
  }));
  if (markers.length === 0) return spans;
  const rest: Span[] = [];
  let next = 0;
  for (const span of spans) {
    while (next < markers.length && (markers[next]?.end ?? 0) <= span.start) next++;
    let start = span.start;
    for (let i = next; i < markers.length; i++) {
      const mark = markers[i];
      if (mark === undefined || mark.start >= span.end) break;
      pushUnlessBlank(text, { ...span, start, end: mark.start }, rest);
      start = mark.end;
    }
    pushUnlessBlank(text, { ...span, start }, rest);
  }
  return rest;
}

/** Separators between two markers are no secret. */
function pushUnlessBlank(text: string, span: Span, out: Span[]): void {
  if (span.end > span.start && /[A-Za-z0-9]/.test(text.slice(span.start, span.end))) out.push(span);
}
