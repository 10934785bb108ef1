/**
 * Kubeconfigs that need no program run and no provider asked: a token, a token file, a client certificate. Reading one
 * with @kubernetes/client-node loads its whole generated API client, which takes longer than all the rest of an agent's
 * start. What that package makes of such a file is what is made of it here; a test compares the two.
 */
import { dirname, resolve } from 'node:path';
import type { ResolvedKubeconfig } from './kubeconfig-access.ts';

type Fields = Readonly<Record<string, unknown>>;
type IsPlain = (value: unknown) => boolean;

const isText: IsPlain = (value) => typeof value === 'string' && value !== '';
const isAnything: IsPlain = () => true;
const userFields: ReadonlyMap<string, IsPlain> = new Map([
  ['token', isText],
  ['tokenFile', isText],
  ['client-certificate', isText],
  ['client-certificate-data', isText],
  ['client-key', isText],
  ['client-key-data', isText],
  ['as', isText],
  ['as-groups', Array.isArray],
]);
const clusterFields: ReadonlyMap<string, IsPlain> = new Map([
  ['server', isText],
  ['certificate-authority', isText],
  ['certificate-authority-data', isText],
  ['insecure-skip-tls-verify', (value) => typeof value === 'boolean'],
  ['tls-server-name', isText],
  ['extensions', isAnything],
]);

/**
 * `document` is what the kubeconfig at `path` holds, `context` is '' for the current one. Undefined where
 * @kubernetes/client-node has to look, be it for what it alone can do or to say what is wrong.
 */
export function plainKubeconfig(document: unknown, path: string, context: string): ResolvedKubeconfig | undefined {
  if (!isFields(document)) return undefined;
  const contexts = entriesOf(document['contexts'], 'context', 'cluster');
  const clusters = entriesOf(document['clusters'], 'cluster', 'server');
  const users = entriesOf(document['users'], 'user');
  const wanted = contexts?.get(context === '' ? document['current-context'] : context);
  const cluster = clusters?.get(wanted?.['cluster']);
  const user = users?.get(wanted?.['user']);
  if (cluster === undefined || !isPlain(cluster, clusterFields)) return undefined;
  if (user === undefined || !isPlain(user, userFields)) return undefined;
  return resolved(cluster, user, dirname(path));
}

function resolved(cluster: Fields, user: Fields, folder: string): ResolvedKubeconfig {
  const token = textOf(user, 'token');
  const groups = user['as-groups'];
  const impersonated = textOf(user, 'as');
  return {
    access: {
      server: (textOf(cluster, 'server') ?? '').replace(/\/$/, ''),
      ca: decoded(cluster, 'certificate-authority-data'),
      cert: decoded(user, 'client-certificate-data'),
      key: decoded(user, 'client-key-data'),
      serverName: textOf(cluster, 'tls-server-name'),
      verifiesServer: cluster['insecure-skip-tls-verify'] !== true,
      proxyUrl: undefined,
      headers: {
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        ...(impersonated === undefined ? {} : { 'impersonate-user': impersonated }),
        ...(Array.isArray(groups) && groups.length > 0 ? { 'impersonate-group': groups.map(String) } : {}),
      },
    },
    files: {
      token: within(folder, textOf(user, 'tokenFile')),
      ca: within(folder, textOf(cluster, 'certificate-authority')),
      cert: within(folder, textOf(user, 'client-certificate')),
      key: within(folder, textOf(user, 'client-key')),
    },
    isDynamic: false,
  };
}

/** By name, the first of a name; undefined when any is not as it must be. */
function entriesOf(list: unknown, key: string, required?: string): ReadonlyMap<unknown, Fields> | undefined {
  if (!Array.isArray(list)) return undefined;
  const entries = new Map<unknown, Fields>();
  for (const entry of list) {
    const fields: unknown = isFields(entry) ? entry[key] : undefined;
    if (!isFields(entry) || !isText(entry['name']) || !isFields(fields)) return undefined;
    if (required !== undefined && !isText(fields[required])) return undefined;
    if (!entries.has(entry['name'])) entries.set(entry['name'], fields);
  }
  return entries;
}

const isFields = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const isPlain = (fields: Fields, plain: ReadonlyMap<string, IsPlain>): boolean =>
  Object.entries(fields).every(([name, value]) => plain.get(name)?.(value) === true);

function textOf(fields: Fields, name: string): string | undefined {
  const value = fields[name];
  return typeof value === 'string' ? value : undefined;
}

function decoded(fields: Fields, name: string): string | undefined {
  const value = textOf(fields, name);
  return value === undefined ? undefined : Buffer.from(value, 'base64').toString('utf8');
}

const within = (folder: string, file: string | undefined): string | undefined =>
  file === undefined ? undefined : resolve(folder, file);
