/** Request URIs: parameters by name and form; the command of an exec by its arguments. */
import { redactArguments } from './arguments.ts';
import { classifyName } from './name.ts';
import { redactText, redactWhole, type RedactContext } from './text.ts';
import { isSecretText } from './value.ts';

/** The URI without its secrets; parameters that hold none keep their spelling. */
export function redactRequestUri(uri: string, context: RedactContext): string {
  const mark = uri.indexOf('?');
  if (mark === -1) return redactText(uri, context);
  const parameters = uri
    .slice(mark + 1)
    .split('&')
    .map(parseParameter);
  const commands = parameters.filter(({ name }) => name === 'command').map(({ value }) => value);
  const redactedCommands = redactArguments(commands, {
    command: '',
    context,
    otherwise: (item) => (typeof item === 'string' ? redactText(item, context) : item),
  });
  let commandIndex = 0;
  const query = parameters.map(({ raw, name, value }) => {
    const command = name === 'command' ? redactedCommands[commandIndex++] : undefined;
    const redacted = typeof command === 'string' ? command : redactParameter(name, value, context);
    return redacted === value ? raw : `${raw.slice(0, raw.indexOf('=') + 1)}${encode(redacted)}`;
  });
  return `${redactText(uri.slice(0, mark), context)}?${query.join('&')}`;
}

type Parameter = { readonly raw: string; readonly name: string; readonly value: string };

function parseParameter(raw: string): Parameter {
  const equals = raw.indexOf('=');
  return equals === -1
    ? { raw, name: '', value: decode(raw) }
    : { raw, name: decode(raw.slice(0, equals)), value: decode(raw.slice(equals + 1)) };
}

function redactParameter(name: string, value: string, context: RedactContext): string {
  // Pages of a list: an opaque position, no credential.
  if (name === 'continue') return value;
  const nameClass = classifyName(name);
  if (nameClass !== undefined && isSecretText(value, name, nameClass)) {
    return redactWhole(value, nameClass.secretClass, context);
  }
  return redactText(value, context);
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '));
  } catch {
    return text;
  }
}

/** Markers stay readable. */
function encode(text: string): string {
  return encodeURIComponent(text).replaceAll('%3A', ':');
}
