/** The timeline as tests ask it: straight from the store, as its reading user, never past the last commit row. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { openTimelineReader, type ChainVerdict, verifyChain } from '@driftline/collector';
import type { GapRow, LinkRow, TimelineReader, TransitionRow, UnjudgedRow, VersionRow } from '@driftline/collector';
import { append, type History } from './truth.ts';

export type Version = VersionRow & { readonly epoch: string };

const recorded = `WITH recorded AS (SELECT epoch, max(last_sequence) AS through FROM batch_commits GROUP BY epoch)`;
const order = 'ORDER BY epoch_ordinal, sequence, `index`';
const of = (table: string, columns: string, condition = ''): string =>
  `${recorded} SELECT ${columns} FROM ${table} INNER JOIN recorded ON ${table}.epoch = recorded.epoch
   WHERE sequence <= through ${condition} ${order}`;
const versionColumns =
  'epoch, sequence, `group`, resource, kind, namespace, name, uid, resource_version, op, paths, body, synthesised';

const keyOf = ({ group, resource, namespace, name }: Version): string =>
  `${group === '' ? resource : `${resource}.${group}`} ${namespace}/${name}`;

export class TimelineReading {
  readonly #dataDir: string;
  #open: { readonly url: string; readonly reader: TimelineReader } | undefined;
  readonly #last = new Map<string, string>();
  readonly #through = new Map<string, number>();
  /** What was recorded when `current` last read versions. */
  #recorded = '';

  constructor(dataDir: string) {
    this.#dataDir = dataDir;
  }

  /** Of the server that runs now: its port is another one after a restart of the collector. */
  async reader(): Promise<TimelineReader> {
    const url = `http://127.0.0.1:${readFileSync(join(this.#dataDir, 'http-port'), 'utf8').trim()}`;
    if (this.#open?.url === url) return this.#open.reader;
    await this.#open?.reader.close();
    const users = JSON.parse(readFileSync(join(this.#dataDir, 'credentials.json'), 'utf8'));
    this.#open = { url, reader: openTimelineReader({ url, database: 'driftline', ...users }) };
    return this.#open.reader;
  }

  async ask<Row = Record<string, unknown>>(
    text: string,
    parameters: Readonly<Record<string, unknown>> = {},
  ): Promise<readonly Row[]> {
    return (await this.reader()).all<Row>({ name: 'test', text }, parameters);
  }

  versions(): Promise<readonly Version[]> {
    return this.ask(of('resource_versions', versionColumns));
  }

  versionsOf(name: string): Promise<readonly Version[]> {
    return this.ask(of('resource_versions', versionColumns, 'AND name = {name:String}'), { name });
  }

  /**
   * The last form of every object that is there, for whoever waits and asks again and again: only what was recorded since
   * the last call is read, and no version where nothing was. `history` reads all there is.
   */
  async current(): Promise<ReadonlyMap<string, string>> {
    const recorded = JSON.stringify(
      await this.ask('SELECT epoch, max(last_sequence) FROM batch_commits GROUP BY epoch ORDER BY epoch'),
    );
    if (recorded === this.#recorded) return this.#last;
    const isNew = `AND NOT arrayExists((known, last) -> known = resource_versions.epoch AND sequence <= last,
      {epochs:Array(String)}, {lasts:Array(UInt64)})`;
    const known = { epochs: [...this.#through.keys()], lasts: [...this.#through.values()] };
    for (const version of await this.ask<Version>(of('resource_versions', versionColumns, isNew), known)) {
      this.#through.set(version.epoch, version.sequence);
      if (version.op === 'deleted') this.#last.delete(keyOf(version));
      else this.#last.set(keyOf(version), version.body);
    }
    this.#recorded = recorded;
    return this.#last;
  }

  gaps(): Promise<readonly GapRow[]> {
    const columns =
      'sequence, `group`, resource, from_version, to_version, from_us, to_us, cause, detail, from_sequence, to_sequence';
    return this.ask(of('gaps', columns));
  }

  transitions(): Promise<readonly TransitionRow[]> {
    return this.ask(
      of(
        'finding_transitions',
        'sequence, `index`, finding_id, state, control, kind, namespace, name, path, value, reason, cause',
      ),
    );
  }

  /** Kinds whose first list has not been recorded to its end. */
  async listing(): Promise<readonly string[]> {
    const rows = await this.ask<{ readonly resource: string }>(
      `SELECT resource FROM (
         SELECT cluster, \`group\`, resource, argMax(state, (epoch_ordinal, sequence, \`index\`)) AS last
         FROM coverage
         INNER JOIN (SELECT cluster, epoch, max(last_sequence) AS recorded FROM batch_commits GROUP BY cluster, epoch) AS r
           USING (cluster, epoch)
         WHERE sequence <= recorded
         GROUP BY cluster, \`group\`, resource
       ) WHERE last = 'listing' ORDER BY resource`,
    );
    return rows.map(({ resource }) => resource);
  }

  unjudged(): Promise<readonly UnjudgedRow[]> {
    return this.ask(of('unjudged', 'sequence, `index`, control, kind, namespace, name, state, reason'));
  }

  links(): Promise<readonly LinkRow[]> {
    const columns =
      'sequence, change_epoch, change_sequence, audit_digest, confidence, origin, user, verb, name, resource';
    return this.ask(of('links', columns));
  }

  rejected(): Promise<readonly { readonly source: string; readonly reason: string; readonly detail: string }[]> {
    return this.ask(of('rejected', 'sequence, source, reason, detail, bytes'));
  }

  /** Forms of each object in the order of the timeline: the counterpart of the truth. */
  async history(): Promise<History> {
    const history: History = new Map();
    for (const version of await this.versions())
      append(history, keyOf(version), version.op === 'deleted' ? '' : version.body);
    return history;
  }

  async verify(cluster: string): Promise<ChainVerdict> {
    return verifyChain(await this.reader(), { tenant: 'default', cluster });
  }

  /** Versions that are there twice, and sequences that two batches claim. Empty, always. */
  async duplicates(): Promise<readonly unknown[]> {
    const twice = await this.ask(
      'SELECT epoch, sequence, name, count() AS n FROM resource_versions GROUP BY epoch, sequence, `index`, name HAVING n > 1',
    );
    const overlapping = await this.ask(
      `SELECT epoch, first_sequence, previous FROM (
         SELECT epoch, toInt64(first_sequence) AS first_sequence,
           lagInFrame(toInt64(last_sequence), 1, toInt64(first_sequence) - 1)
           OVER (PARTITION BY epoch ORDER BY first_sequence) AS previous FROM batch_commits)
       WHERE first_sequence != previous + 1`,
    );
    return [...twice, ...overlapping];
  }

  async close(): Promise<void> {
    await this.#open?.reader.close();
  }
}
