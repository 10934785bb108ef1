/** Command lines as Kubernetes has them: lists of arguments. */
import { mapItems } from '../json.ts';
import type { Json } from '../message.ts';
import { argumentSecret, gluedSecret } from './command.ts';
import { classifyName } from './name.ts';
import { redactWhole, type RedactContext } from './text.ts';
import { isSecretText } from './value.ts';

const maxCommandLength = 200;

export type ArgumentsPlace = {
  /** What stands before the list. */
  readonly command: string;
  readonly context: RedactContext;
  /** Redacts an item that no flag speaks for. */
  readonly otherwise: (item: Json) => Json;
};

/**
 * The arguments without their secrets; the same list when there are none. An argument behind `--password`, `-p` and
 * the like is its value.
 */
export function redactArguments(items: readonly Json[], place: ArgumentsPlace): readonly Json[] {
  let before = place.command;
  return mapItems(items, (item, i) => {
    if (typeof item !== 'string') return place.otherwise(item);
    const flag = i === 0 ? undefined : items[i - 1];
    const redacted =
      redactFlagged(item, typeof flag === 'string' ? flag : '', before, place.context) ?? place.otherwise(item);
    before = `${before} ${item.slice(0, maxCommandLength)}`.slice(-maxCommandLength);
    return redacted;
  });
}

/** Undefined when no flag says that the item is a secret. */
function redactFlagged(item: string, flag: string, command: string, context: RedactContext): string | undefined {
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
  return undefined;
}

function redactOnce(secret: string, secretClass: string, context: RedactContext): string {
  return secret.startsWith('redacted(') ? secret : redactWhole(secret, secretClass, context);
}
