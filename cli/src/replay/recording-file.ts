/** A recording in a file: one entry a line, so that neither writing nor reading holds it whole. */
import { once } from 'node:events';
import { createReadStream, createWriteStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { finished } from 'node:stream/promises';
import { isJsonObject, type Json } from '@driftline/proto';
import { CliError, exitCode } from '../exit-code.ts';
import type { RecordingEntry } from './recording.ts';

/** Passes every entry on and writes it down; the file is whole when the last one was taken. */
export async function* saved(
  entries: AsyncIterable<RecordingEntry>,
  path: string,
): AsyncGenerator<RecordingEntry, void> {
  const file = createWriteStream(path, { mode: 0o600 });
  const written = finished(file);
  written.catch(() => {});
  try {
    for await (const entry of entries) {
      if (!file.write(`${JSON.stringify(entry)}\n`) && file.errored === null)
        await Promise.race([once(file, 'drain'), written]);
      yield entry;
    }
    file.end();
    await written;
  } catch (cause) {
    file.destroy();
    if (file.errored === null || file.errored === undefined) throw cause;
    throw new CliError(exitCode.usage, `cannot write ${path}: ${file.errored.message}`, { cause });
  }
}

/** Exit 5 when it is not a recording, or not a whole one. */
export async function* readRecordingFile(path: string): AsyncGenerator<RecordingEntry, void> {
  const input = createReadStream(path, 'utf8');
  const opened = once(input, 'open');
  try {
    await opened;
  } catch (cause) {
    throw new CliError(exitCode.usage, `cannot read ${path}: ${cause instanceof Error ? cause.message : ''}`, {
      cause,
    });
  }
  let line = 0;
  let open: string | undefined;
  for await (const text of createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY })) {
    line += 1;
    const entry = entryOf(text);
    if (entry === undefined || (entry.type === 'begin') !== (open === undefined))
      throw new CliError(exitCode.badInput, `${path}:${line}: this is no recording that --save of this version wrote`);
    if (entry.type === 'begin') open = entry.cluster;
    if (entry.type === 'end') open = undefined;
    yield entry;
  }
  if (line === 0 || open !== undefined)
    throw new CliError(exitCode.badInput, `${path}: the recording is cut off; save it again`);
}

/** What was written by `saved`: the file is trusted as far as its form, whose records are the API's. */
function entryOf(text: string): RecordingEntry | undefined {
  const value = parse(text);
  if (!isJsonObject(value)) return undefined;
  const { type } = value;
  const isEntry =
    (type === 'begin' && value['version'] === 2 && typeof value['cluster'] === 'string') ||
    type === 'end' ||
    ((type === 'state' || type === 'record') && isRecord(value['record']));
  return isEntry ? (value as unknown as RecordingEntry) : undefined;
}

function isRecord(record: Json | undefined): boolean {
  if (!isJsonObject(record) || typeof record['at'] !== 'string') return false;
  if (record['type'] === 'coverage') return typeof record['kind'] === 'string';
  return (record['type'] === 'version' || record['type'] === 'transition') && isJsonObject(record['object']);
}

function parse(text: string): Json | undefined {
  try {
    return JSON.parse(text) as Json;
  } catch {
    return undefined;
  }
}
