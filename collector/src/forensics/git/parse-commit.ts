/** A commit object as Git stores it, read into what people ask about it. Pure; whoever may push chooses every byte of it. */
import { type ApiCommit, type ApiCommitPerson, redact } from '@driftline/proto';
import { toRfc3339 } from '../query/timeline-query.ts';
import type { GitLimits } from './git-limits.ts';

/** What a commit's id alone decides: it never changes. */
export type CommitFacts = Pick<
  ApiCommit,
  'sha' | 'subject' | 'author' | 'authoredAt' | 'committer' | 'committedAt' | 'pullRequest' | 'trailers'
> & { readonly isSigned: boolean };

type TextLimits = Pick<GitLimits, 'textCharacters' | 'trailers'>;

/** undefined: it is no commit object. */
export function parseCommit(sha: string, text: string, limits: TextLimits): CommitFacts | undefined {
  const end = text.indexOf('\n\n');
  const headers = (end < 0 ? text : text.slice(0, end)).split('\n');
  const author = signature(headers, 'author', limits);
  const committer = signature(headers, 'committer', limits);
  if (author === undefined || committer === undefined) return undefined;
  const lines = (end < 0 ? '' : text.slice(end + 2)).trim().split(/\r?\n/);
  return {
    sha,
    subject: cleanText(lines[0] ?? '', limits.textCharacters),
    author: author.person,
    authoredAt: author.at,
    committer: committer.person,
    committedAt: committer.at,
    pullRequest: pullRequestOf(lines),
    trailers: trailersOf(lines, limits),
    isSigned: headers.some((line) => line.startsWith('gpgsig ') || line.startsWith('gpgsig-sha256 ')),
  };
}

const person = /^(.*)<([^<>]*)> (\d{1,12}) [+-]\d{4}$/;
/** The last moment of the year 9999. */
const lastSecond = 253_402_300_799;

function signature(
  headers: readonly string[],
  name: string,
  { textCharacters }: TextLimits,
): { readonly person: ApiCommitPerson; readonly at: string | null } | undefined {
  const line = headers.find((header) => header.startsWith(`${name} `));
  const match = line === undefined ? null : person.exec(line.slice(name.length + 1));
  if (match === null) return undefined;
  const [, fullName = '', email = '', seconds = ''] = match;
  const at = Number(seconds);
  return {
    person: { name: cleanText(fullName, textCharacters), email: cleanText(email, textCharacters) },
    at: at > lastSecond ? null : toRfc3339(at * 1_000_000),
  };
}

/** Of subjects that forges write: GitHub and Gitea, Bitbucket, Azure, and squashed ones, whose number comes last. */
const subjectPatterns = [
  /^Merge pull request #(\d{1,9}) (?:from|in) /,
  /^Merge pull request '.*' \(#(\d{1,9})\) from /,
  /^Merged in .* \(pull request #(\d{1,9})\)$/,
  /^Pull request #(\d{1,9}): /,
  /^Merged PR (\d{1,9}): /,
  /\(#(\d{1,9})\)$/,
];
const gitLabLine = /^See merge request [^\s!]*!(\d{1,9})$/;
const gitLabSquash = /\(!(\d{1,9})\)$/;

function pullRequestOf(lines: readonly string[]): ApiCommit['pullRequest'] {
  const subject = (lines[0] ?? '').slice(0, 4_096).trimEnd();
  for (const pattern of subjectPatterns) {
    const number = pattern.exec(subject)?.[1];
    if (number !== undefined) return { number: Number(number), reference: `#${Number(number)}` };
  }
  const named = lines.find((line, index) => index > 0 && gitLabLine.test(line));
  const number = (named === undefined ? gitLabSquash.exec(subject) : gitLabLine.exec(named))?.[1];
  return number === undefined ? null : { number: Number(number), reference: `!${Number(number)}` };
}

const trailer = /^(reviewed-by|approved-by|signed-off-by):[ \t]*(\S.*)$/i;

/** Trailers stand in the last paragraph, and the subject is none. */
function trailersOf(lines: readonly string[], limits: TextLimits): ApiCommit['trailers'] {
  const paragraph = lines.slice(lines.lastIndexOf('') + 1);
  if (paragraph.length === lines.length) return [];
  return paragraph
    .flatMap((line) => {
      const [, key, value] = trailer.exec(line.slice(0, 4_096)) ?? [];
      const type = types.find((each) => each === key?.toLowerCase());
      return type === undefined || value === undefined
        ? []
        : [{ type, value: cleanText(value, limits.textCharacters) }];
    })
    .slice(0, limits.trailers);
}

const types = ['reviewed-by', 'approved-by', 'signed-off-by'] as const;

/** Control characters, line ends, and what turns or hides text on a screen. */
const unprintable = /[\p{Cc}\p{Cf}\u2028\u2029]+/gu;
/** Longer texts are cut before they are looked at. */
const maxReadCharacters = 16_384;

/**
 * A text of a repository as it may be shown: on one line, printable, without secrets, cut to a length. The marker's
 * digest is constant: nothing is to be compared here.
 */
export function cleanText(text: string, maxCharacters: number): string {
  const line = text.slice(0, maxReadCharacters).replaceAll(unprintable, ' ').trim();
  const { message } = redact({ message: line }, () => noDigest);
  const clean = typeof message === 'string' ? message : '';
  return clean.length > maxCharacters ? `${clean.slice(0, maxCharacters - 1)}…` : clean;
}

const noDigest = 'A'.repeat(22);
