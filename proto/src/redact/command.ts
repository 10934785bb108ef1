/** Secrets that short flags announce in command lines: `-p x`, `-u user:x`, `mysql -px`, `redis-cli -a x`. */
import type { Span } from './span.ts';
import { isPlainText } from './value.ts';

const shortFlag = /(?<=^|[\s;&|("'`])-(?<flag>p|u|a)(?<gap>[ \t]+|=)?(?<value>"[^"\n]*"|'[^'\n]*'|[^\s;&|"'`)]+)/dg;
const maxCommandLength = 200;

/** Commands whose -p is a port, a path, a prompt or a pattern. */
const otherMeaning =
  /(?:^|[\s;&|(/])(?:mkdir|cp|mv|install|ssh|scp|sftp|ps|read|set|useradd|adduser|usermod|docker run|podman run|nerdctl run|tar|rsync|grep|unzip|ss|netstat|lsof|kubectl|patch|nc|ncat|netcat|iptables|pgrep|touch|test|python\d?|perl|sed|bash|make|nmap|curl|psql|pg_dump|pg_isready|pg_restore|createdb|git|sysctl|systemctl|top|strace|gdb|protoc|service)\b[^;&|\n]*$/;
const passwordGlued = /(?:^|[\s;&|(/"'])(?:mysql\w*|mariadb[\w-]*|mongo\w*|sshpass|sqlcmd|7z)\b[^;&|\n]*$/;
const passwordByA = /(?:^|[\s;&|(/"'])redis-\w+\b[^;&|\n]*$/;

/** Spans of such secrets in a command line or script. */
export function findCommandSecrets(text: string): Span[] {
  const spans: Span[] = [];
  for (const match of text.matchAll(shortFlag)) {
    const [start, end] = match.indices?.groups?.['value'] ?? [0, 0];
    const isQuoted = /^["']/.test(text.slice(start, start + 1));
    const place = isQuoted ? { start: start + 1, end: end - 1 } : { start, end };
    const command = text.slice(Math.max(0, match.index - maxCommandLength), match.index);
    const found = secretOf(match.groups?.['flag'] ?? '', match.groups?.['gap'] !== undefined, {
      command,
      value: text.slice(place.start, place.end),
    });
    if (found === undefined) continue;
    spans.push({ start: place.start + found, end: place.end, secretClass: 'password' });
  }
  return spans;
}

/** The password in `-psecret` of commands that take it so: from which character on, or undefined. */
export function gluedSecret(argument: string, command: string): number | undefined {
  return /^-p[^-=\s]/.test(argument) && passwordGlued.test(`${command} `) ? 2 : undefined;
}

/** Whether the argument behind a short flag in a list of arguments is a secret: from which character on, or undefined. */
export function argumentSecret(flag: string, value: string, command: string): number | undefined {
  return secretOf(flag, true, { command, value });
}

type Argument = { readonly command: string; readonly value: string };

function secretOf(flag: string, hasGap: boolean, { command, value }: Argument): number | undefined {
  if (value === '' || value.startsWith('-') || isPlainText(value)) return undefined;
  if (flag === 'u') {
    const colon = value.indexOf(':');
    const user = value.slice(0, colon);
    const isUserPassword = hasGap && colon > 0 && !user.includes('/') && !/^\d+:\d+$/.test(value);
    return isUserPassword && !isPlainText(value.slice(colon + 1)) ? colon + 1 : undefined;
  }
  if (flag === 'a') return hasGap && passwordByA.test(command) ? 0 : undefined;
  if (passwordGlued.test(command)) return 0;
  if (!hasGap || otherMeaning.test(command)) return undefined;
  const isOther = /^[./~]/.test(value) || /^[\d.:,-]+(?:\/(?:tcp|udp))?$/.test(value) || /^[{[]|\w=\w/.test(value);
  return isOther ? undefined : 0;
}
