/** Where the timeline is kept, as settings say it: an external server when CLICKHOUSE_URL is set, else embedded. */
import { TimelineError } from '../timeline-error.ts';
import type { StoreConnection, StoreUser } from './store-connection.ts';

export type StoreSettings =
  | { readonly mode: 'embedded' }
  | { readonly mode: 'external'; readonly connection: StoreConnection };

export type StoreVariables = Readonly<Record<string, string | undefined>>;

/** Database of the timeline, in an external server as in the embedded one, unless CLICKHOUSE_DATABASE names another. */
export const defaultDatabase = 'driftline';

/**
 * CLICKHOUSE_URL (http or https; user and password may be in it, the database as its path), CLICKHOUSE_USER,
 * CLICKHOUSE_PASSWORD, CLICKHOUSE_DATABASE; CLICKHOUSE_WRITER_USER/_PASSWORD and CLICKHOUSE_READER_USER/_PASSWORD when
 * writing and reading have users of their own (they should: see SCHEMA.md, Grants). Throws 'bad-store-settings'.
 */
export function parseStoreSettings(variables: StoreVariables): StoreSettings {
  const text = variables['CLICKHOUSE_URL'] ?? '';
  if (text === '') return { mode: 'embedded' };
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || (url.protocol !== 'http:' && url.protocol !== 'https:')) {
    throw new TimelineError(
      'bad-store-settings',
      'CLICKHOUSE_URL is not an http or https URL such as http://clickhouse:8123.',
    );
  }
  const database = variables['CLICKHOUSE_DATABASE'] ?? (url.pathname.slice(1) || defaultDatabase);
  if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(database)) {
    throw new TimelineError('bad-store-settings', 'CLICKHOUSE_DATABASE may hold letters, digits and _ only.');
  }
  const owner: StoreUser = {
    user: variables['CLICKHOUSE_USER'] ?? (decodeURIComponent(url.username) || 'default'),
    password: variables['CLICKHOUSE_PASSWORD'] ?? decodeURIComponent(url.password),
  };
  const other = (role: 'WRITER' | 'READER'): StoreUser => {
    const user = variables[`CLICKHOUSE_${role}_USER`];
    return user === undefined ? owner : { user, password: variables[`CLICKHOUSE_${role}_PASSWORD`] ?? '' };
  };
  return {
    mode: 'external',
    connection: { url: url.origin, database, owner, writer: other('WRITER'), reader: other('READER') },
  };
}
