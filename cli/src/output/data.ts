/** Documents for machines. What a terminal would obey is escaped in both formats; a parser reads the same values. */
import { escapeQuoted, hasUnprintable } from './text.ts';

export type MachineFormat = 'json' | 'yaml';

/** The whole value as one document. */
export async function dataText(format: MachineFormat, data: unknown): Promise<string> {
  return format === 'yaml' ? await yamlText(data) : escapeQuoted(JSON.stringify(data, null, 2));
}

export type MachineWriter = {
  item(item: unknown): void;
  /** Closes the document with these fields after `items`. */
  end(tail: Readonly<Record<string, boolean | string>>): void;
};

/** `{…head, items: […], …tail}`, printed item by item: a long list needs no memory, and begins at once. */
export async function machineWriter(
  format: MachineFormat,
  print: (text: string) => void,
  head: Readonly<Record<string, string>> = {},
): Promise<MachineWriter> {
  return format === 'yaml' ? await yamlWriter(print, head) : jsonWriter(print, head);
}

function jsonWriter(print: (text: string) => void, head: Readonly<Record<string, string>>): MachineWriter {
  const fields = (values: object) =>
    Object.entries(values).map(([key, value]) => `  ${JSON.stringify(key)}: ${JSON.stringify(value)}`);
  print(['{', ...fields(head).map((field) => `${field},`), '  "items": ['].join('\n'));
  let pending: string | undefined;
  return {
    item(item) {
      if (pending !== undefined) print(`${pending},`);
      pending = escapeQuoted(JSON.stringify(item, null, 2)).replace(/^/gm, '    ');
    },
    end(tail) {
      if (pending !== undefined) print(pending);
      print(['  ],', fields(tail).join(',\n'), '}'].join('\n'));
    },
  };
}

async function yamlWriter(
  print: (text: string) => void,
  head: Readonly<Record<string, string>>,
): Promise<MachineWriter> {
  const { stringify } = await import('yaml');
  let count = 0;
  if (Object.keys(head).length > 0) print(stringify(head).trimEnd());
  return {
    item(item) {
      if (count === 0) print('items:');
      count += 1;
      print(quotedWhereNeeded(stringify, [item]));
    },
    end(tail) {
      if (count === 0) print('items: []');
      print(stringify(tail).trimEnd());
    },
  };
}

async function yamlText(data: unknown): Promise<string> {
  const { stringify } = await import('yaml');
  return quotedWhereNeeded(stringify, data);
}

function quotedWhereNeeded(stringify: (value: unknown, options?: object) => string, data: unknown): string {
  const text = stringify(data, { aliasDuplicateObjects: false });
  const quoted = {
    aliasDuplicateObjects: false,
    defaultStringType: 'QUOTE_DOUBLE',
    defaultKeyType: 'QUOTE_DOUBLE',
    lineWidth: 0,
  };
  return (hasUnprintable(text) ? escapeQuoted(stringify(data, quoted)) : text).trimEnd();
}
