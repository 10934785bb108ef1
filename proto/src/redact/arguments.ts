/** Command lines as Kubernetes has them: lists of arguments. */
import type { Json } from '../message.ts';
import { argumentSecret, gluedSecret } from './command.ts';
import { classifyName } from './name.ts';
import { redactText, redactWhole, type RedactContext } from './text.ts';
import { isSecretText } from './value.ts';

const maxCommandLength = 200;

/**
 * The arguments without their secrets; the same list when there are none. An argument behind `--password`, `-p` and
 * the like is its value. `command` is what stands before the list.
 */
export function redactArguments(items: readonly Json[], command: string, context: RedactContext): readonly Json[] {
  let result: Json[] | undefined;
  let before = command;
  for (let i = 0; i < items.length; i++) {
    const item = items[i];
    if (typeof item !== 'string') continue;
    const flag = i === 0 ? undefined : items[i - 1];
    const redacted = redactArgument(item, typeof flag === 'string' ? flag : '', before, context);
    if (redacted !== item) {
      result ??= items.slice();
      result[i] = redacted;
    }
    before = `${before} ${item.slice(0, maxCommandLength)}`.slice(-maxCommandLength);
  }
  return result ?? items;
}

function redactArgument(item: string, flag: string, command: string, context: RedactContext): string {
  const glued = gluedSecret(item, command);
  if (glued !== undefined) return item.slice(0, glued) + redactOnce(item.slice(glued), 'password', context);
  if (/^-[pua]$/.test(flag)) {
    const from = argumentSecret(flag.slice(1), item, command.slice(0, -flag.length));
    if (from !== undefined) return item.slice(0, from) + redactOnce(item.slice(from), 'password', context);
  } else if (/^--?[A-Za-z][\w.-]*$/.test(flag) && !item.startsWith('--')) {
    const name = flag.replace(/^-+/, '');
    const nameClass = classifyName(name);
    if (nameClass !== undefined && isSecretText(item, name, nameClass)) {
      return redactWhole(item, nameClass.secretClass, context);
    }
  }
  return redactText(item, context);
}

function redactOnce(secret: string, secretClass: string, context: RedactContext): string {
  return secret.startsWith('redacted(') ? secret : redactWhole(secret, secretClass, context);
}
