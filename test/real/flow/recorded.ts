/** What a timeline's store holds, read with SQL and nothing of the product. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

export type StoreAccess = {
  readonly url: string;
  readonly database: string;
  readonly user: string;
  readonly password: string;
};

/** The reader of an embedded store. */
export const embeddedStore = (dataDir: string): StoreAccess => {
  const { reader } = JSON.parse(readFileSync(join(dataDir, 'credentials.json'), 'utf8')) as {
    reader: { user: string; password: string };
  };
  const port = readFileSync(join(dataDir, 'http-port'), 'utf8').trim();
  return { url: `http://127.0.0.1:${port}`, database: 'driftline', ...reader };
};

export const ask = async <Row>(store: StoreAccess, sql: string): Promise<readonly Row[]> => {
  const { url, database, user, password } = store;
  const address = `${url}/?database=${database}&output_format_json_quote_64bit_integers=0`;
  const answer = await fetch(address, {
    method: 'POST',
    headers: { 'x-clickhouse-user': user, 'x-clickhouse-key': password },
    body: `${sql} FORMAT JSONEachRow`,
  });
  const text = await answer.text();
  if (!answer.ok) throw new Error(`${sql}: ${text}`);
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Row);
};

export type RecordedVersion = {
  readonly key: string;
  readonly id: string;
  readonly op: string;
  readonly body: string;
  readonly uid: string;
  readonly resourceVersion: string;
};

/** Versions of one cluster in the order of the timeline. */
export const recordedVersions = (store: StoreAccess, cluster: string): Promise<readonly RecordedVersion[]> =>
  ask(
    store,
    `SELECT concat(resource, if("group" = '', '', concat('.', "group")), ' ', namespace, '/', name) AS key,
       concat(epoch, ':', toString(sequence), ':', toString("index")) AS id, op, body, uid,
       resource_version AS "resourceVersion"
     FROM resource_versions WHERE cluster = '${cluster}' ORDER BY epoch_ordinal, sequence, "index"`,
  );

export type RecordedGap = { readonly cause: string; readonly detail: string; readonly resource: string };

export const recordedGaps = (store: StoreAccess, cluster: string): Promise<readonly RecordedGap[]> =>
  ask(store, `SELECT cause, detail, resource FROM gaps WHERE cluster = '${cluster}' ORDER BY epoch_ordinal, sequence`);

const tables = [
  'epochs',
  'batch_commits',
  'resource_versions',
  'audit_events',
  'links',
  'finding_transitions',
  'unjudged',
  'posture_samples',
  'score_regressions',
  'gaps',
  'coverage',
  'rejected',
  'agent_sessions',
  'cursors',
];

/** Every value in every table, as text. */
export const wholeStore = async (store: StoreAccess): Promise<string> => {
  const rows = await Promise.all(tables.map((table) => ask(store, `SELECT * FROM ${table}`)));
  return JSON.stringify(rows);
};
