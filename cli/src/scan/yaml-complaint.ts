/**
 * What is wrong with YAML, in words of our own: the parser's messages quote what they stumble over, and that can be a
 * password that begins with `|`.
 */
import type { ErrorCode } from 'yaml';

const reasons: Readonly<Partial<Record<ErrorCode, string>>> = {
  ALIAS_PROPS: 'an alias has an anchor or a tag',
  BAD_ALIAS: 'an alias that is none',
  BAD_DIRECTIVE: 'a line begins with % and is no directive',
  BAD_DQ_ESCAPE: 'a text in double quotes has an escape that there is not',
  BAD_INDENT: 'the indentation does not fit what is around it',
  BAD_PROP_ORDER: 'an anchor or a tag stands in the wrong place',
  BAD_SCALAR_START: 'a text begins with a character that must be quoted (@, ` or %)',
  BLOCK_AS_IMPLICIT_KEY: 'a list or a mapping begins on the line of another: a colon too many, or a line break too few',
  BLOCK_IN_FLOW: 'an indented block stands inside of brackets',
  IMPOSSIBLE: 'something that cannot stand here',
  KEY_OVER_1024_CHARS: 'a key is longer than 1024 characters',
  MISSING_CHAR: 'a quote, a bracket or a colon is missing',
  MULTILINE_IMPLICIT_KEY: 'a key goes over several lines: a colon is missing, or a quote',
  MULTIPLE_ANCHORS: 'two anchors on one value',
  MULTIPLE_TAGS: 'two tags on one value',
  TAB_AS_INDENT: 'a tab is used as indentation',
  TAG_RESOLVE_FAILED: 'a tag that means nothing here',
  UNEXPECTED_TOKEN: 'something that cannot stand here',
};

export function yamlComplaint(code: ErrorCode): string {
  return `not valid YAML: ${reasons[code] ?? 'it does not parse'}`;
}
