/**
 * How the text of a flag or variable becomes a value. By hand: the library that reads the other programs' configuration
 * would stay in the agent's memory, several MiB for one read at the start.
 */

/** What is wrong with a text; the message follows the setting's name. */
export class BadSetting extends Error {}

type Parse<T> = (text: string) => T;
/** Reads what was given; undefined when nothing was. Throws BadSetting. */
type Read<T> = (text: string | undefined) => T;

/** `help` is a value's name, two spaces and a text; of a switch, the text. */
export type Setting<T> = { readonly help: string; readonly read: Read<T> };

export const setting = <T>(help: string, read: Read<T>): Setting<T> => ({ help, read });

export const optional =
  <T>(parse: Parse<T>): Read<T | undefined> =>
  (text) =>
    text === undefined ? undefined : parse(text);

export const or =
  <T>(parse: Parse<T>, byDefault: string): Read<T> =>
  (text = byDefault) =>
    parse(text);

export const required =
  <T>(parse: Parse<T>, what: string): Read<T> =>
  (text) => {
    if (text === undefined) throw new BadSetting(`is required: ${what}`);
    return parse(text);
  };

export const anyText: Parse<string> = (text) => text;

export function nonEmpty(text: string): string {
  if (text === '') throw new BadSetting('must not be empty');
  return text;
}

export function flag(text: string): boolean {
  if (!['true', 'false', '1', '0', ''].includes(text)) throw new BadSetting('must be true or false');
  return text === 'true' || text === '1';
}

export const oneOf =
  <T extends string>(...choices: readonly T[]): Parse<T> =>
  (text) => {
    const choice = choices.find((candidate) => candidate === text);
    if (choice === undefined) throw new BadSetting(`must be one of ${choices.join(', ')}`);
    return choice;
  };

export const wholeNumber =
  (least: number, most: number): Parse<number> =>
  (text) => {
    const value = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
    if (!(value >= least && value <= most)) throw new BadSetting(`must be a whole number from ${least} to ${most}`);
    return value;
  };

/** Items between commas. */
export function list(text: string): readonly string[] {
  const items = text.split(',').map((item) => item.trim());
  if (items.includes('')) throw new BadSetting('must not have empty items');
  return items;
}

const units: ReadonlyMap<string, number> = new Map([
  ['', 1],
  ['k', 1e3],
  ['M', 1e6],
  ['G', 1e9],
  ['Ki', 2 ** 10],
  ['Mi', 2 ** 20],
  ['Gi', 2 ** 30],
]);

export function byteSize(text: string): number {
  const [, digits = '', unit = ''] = /^(\d{1,15})(\D*)$/.exec(text) ?? [];
  const unitBytes = units.get(unit);
  if (digits === '' || unitBytes === undefined) throw new BadSetting('must be a size such as 512Mi');
  return Number(digits) * unitBytes;
}

export type Address = { readonly host: string; readonly port: number };

export function address(text: string): Address {
  const [, host = '', digits = ''] = /^(\[[0-9a-fA-F:]+\]|[^:\s]+):(\d{1,5})$/.exec(text) ?? [];
  if (host === '') throw new BadSetting('must be host:port');
  const port = Number(digits);
  if (port > 65_535) throw new BadSetting('must be a port up to 65535');
  return { host: host.replace(/^\[|\]$/g, ''), port };
}
