/**
 * What a field's name says about its value. Names are read without case and punctuation, so that DB_PASSWORD,
 * db-password, dbPassword and dbpassword are one.
 */

export type NameClass = {
  /** Word in the marker: `password`, `token`, … */
  readonly secretClass: string;
  /** Weak names (key, auth, salt, …) make a value secret only when it looks random. */
  readonly isWeak: boolean;
  /** Passwords and PINs may be numbers; of other secrets only long digit strings are. */
  readonly mayBeNumber: boolean;
  /** A value that can be a folder of the root is one. */
  readonly mayBeFolder: boolean;
};

/** Part of a squeezed name → class. The first match wins, so the more telling come first. */
const strongParts: readonly (readonly [part: string, secretClass: string])[] = [
  ['password', 'password'],
  ['passwd', 'password'],
  ['passphrase', 'password'],
  ['passcode', 'password'],
  ['requirepass', 'password'],
  ['masterauth', 'password'],
  ['userpass', 'password'],
  ['dbpass', 'password'],
  ['bindpw', 'password'],
  ['rootpw', 'password'],
  ['clientsecret', 'client-secret'],
  ['privatekey', 'private-key'],
  ['clientkey', 'private-key'],
  ['tlskey', 'private-key'],
  ['sslkey', 'private-key'],
  ['serverkey', 'private-key'],
  ['hostkey', 'private-key'],
  ['secret', 'secret'],
  ['accesskey', 'access-key'],
  ['apikey', 'api-key'],
  ['appkey', 'api-key'],
  ['accountkey', 'access-key'],
  ['sharedkey', 'access-key'],
  ['storagekey', 'access-key'],
  ['subscriptionkey', 'api-key'],
  ['encryptionkey', 'encryption-key'],
  ['signingkey', 'signing-key'],
  ['masterkey', 'encryption-key'],
  ['licensekey', 'license-key'],
  ['deploykey', 'private-key'],
  ['sshkey', 'private-key'],
  ['rsakey', 'private-key'],
  ['authkey', 'api-key'],
  ['unsealkey', 'encryption-key'],
  ['connectionstring', 'connection-string'],
  ['connstring', 'connection-string'],
  ['connstr', 'connection-string'],
  ['credential', 'credential'],
  ['creds', 'credential'],
  ['token', 'token'],
  ['bearer', 'token'],
  ['authorization', 'authorization'],
  ['jsessionid', 'session'],
  ['sessionid', 'session'],
  ['dockercfg', 'credential'],
  ['pgpass', 'password'],
  ['netrc', 'credential'],
  ['keyring', 'encryption-key'],
  ['idrsa', 'private-key'],
  ['ided25519', 'private-key'],
  ['idecdsa', 'private-key'],
];

/** Last words only: too short to be looked for inside others. */
const strongWords: ReadonlyMap<string, string> = new Map([
  ['pass', 'password'],
  ['pw', 'password'],
  ['pin', 'password'],
  ['cred', 'credential'],
  ['jwt', 'token'],
  ['pat', 'token'],
  ['totp', 'token'],
  ['otp', 'token'],
]);

const weakWords: ReadonlySet<string> = new Set(
  'key keys auth salt seed nonce session cookie cookies sas hmac license userdata'.split(' '),
);

/** A name that ends so names, locates, counts or describes a secret and is none. */
const referenceEnd =
  /(?:fromsecret|names?|ref|refs|reference|path|paths|file|files|filename|dir|directory|mount|mountpath|type|kind|policy|policies|length|len|size|count|ttl|lifetime|expiry|expires|expiresin|expiration|expirationseconds|expirytime|seconds|minutes|hours|days|ms|duration|timeout|interval|period|enabled|disabled|required|rotation|rotate|namespace|namespaces|selector|url|uri|urls|endpoint|endpoints|host|issuer|audience|audiences|algorithm|alg|format|provider|class|store|engine|method|mode|version|label|labels|header|headername|prefix|suffix|field|claim|hint|reviews?|requests?|controller|credentialid|keyid|hash|hashalgorithm|description|help|title|usage|usages|status|state|source|sources|annotation|index|limit|limits|rate|quota|budget|bucket|scope|scopes|resolver|manager|operator|owner|template|backend|plugin|helper|pattern|regex|complexity|minimum|maximum|strength|history|cache|at|env|envvar|varname|variable|schema|config|configmap|tokenizer|tokenizers|publickey|certificate|cert|keyless|region|service|services|replicas|image|port|group|groups|level)$/;

/** Kubernetes' own fields and well-known annotations that would match but hold references. */
const knownReferences: ReadonlySet<string> = new Set([
  'automountserviceaccounttoken',
  'serviceaccounttoken',
  'imagepullsecrets',
  'pullsecrets',
  'imagepullsecret',
  'injectcafromsecret',
  'authsecret', // ingress annotations name Secrets so
  'authtlssecret',
  'proxysslsecret',
  'basicauthsecret',
  'proxypass', // nginx directives
  'fastcgipass',
  'grpcpass',
  'uwsgipass',
  'scgipass',
]);

/** Shells keep the present folder under these names, people their passwords. */
const folderNames: ReadonlySet<string> = new Set(['pwd', 'oldpwd']);

/** Endings of files that have a syntax of their own. */
const structuredFile =
  /\.(?:ya?ml|json|conf|config|cfg|cnf|ini|properties|toml|xml|sh|bash|env|js|ts|py|rb|go|sql|md|html?|tf|tfvars|hcl|rego|cel|lua|tpl|tmpl|rules|csv|cue)$/i;

/** Whether a name is that of a file with a syntax: of its content only the secret parts are redacted. */
export function isStructuredFile(name: string): boolean {
  return structuredFile.test(name);
}

const counters: ReadonlySet<string> = new Set(['max', 'min', 'num', 'number', 'count', 'total', 'limit', 'per', 'n']);

const cache = new Map<string, NameClass | null>();
const maxCachedNames = 8192;
const maxCachedNameLength = 128;

/** The class of a field's name (of an annotation's key: the part after its domain), or undefined when it promises no secret. Remembers names, never values. */
export function classifyName(name: string): NameClass | undefined {
  const known = cache.get(name);
  if (known !== undefined) return known ?? undefined;
  const found = classify(name);
  if (name.length <= maxCachedNameLength) {
    if (cache.size >= maxCachedNames) cache.clear();
    cache.set(name, found ?? null);
  }
  return found;
}

/** Whether a name is that of a map from names to secrets: `tokens: {ci: x}`. */
export function isSecretMap(name: string): boolean {
  return /(?:passwords|secrets|tokens|credentials|creds|api_?keys)$/i.test(name);
}

/** Members of such a map, or of its schema, that describe and hold no secret. */
export function isDescriptive(key: string): boolean {
  return (
    /^(?:description|title|format|example|pattern|id|user|username|login|email|name|key|\$ref|x-.*)$/i.test(key) ||
    referenceEnd.test(key.toLowerCase())
  );
}

/** Whether a name counts something (maxTokens, token_count): its numbers are no secrets. */
export function isCounter(name: string): boolean {
  return wordsOf(name).some((word) => counters.has(word));
}

function classify(name: string): NameClass | undefined {
  if (name.length > 256) return classify(name.slice(-256));
  const words = wordsOf(name.slice(name.lastIndexOf('/') + 1).replace(structuredFile, ''));
  const squeezed = words.join('');
  if (knownReferences.has(squeezed) || squeezed.startsWith('agentinject')) return undefined;
  const strong = strongClass(words, squeezed);
  if (strong !== undefined) {
    if (referenceEnd.test(squeezed) && !isSecretDespiteEnd(squeezed)) return undefined;
    const mayBeNumber = strong === 'password' || squeezed.endsWith('secret');
    return { secretClass: strong, isWeak: false, mayBeNumber, mayBeFolder: folderNames.has(squeezed) };
  }
  const last = words.at(-1) ?? '';
  return weakWords.has(last)
    ? { secretClass: 'high-entropy', isWeak: true, mayBeNumber: false, mayBeFolder: false }
    : undefined;
}

function strongClass(words: readonly string[], squeezed: string): string | undefined {
  for (const [part, secretClass] of strongParts) if (squeezed.includes(part)) return secretClass;
  if (/pwd\d*$/.test(squeezed)) return 'password';
  return strongWords.get((words.at(-1) ?? '').replace(/\d+$/, ''));
}

/** Ends like a reference only by accident of spelling. */
function isSecretDespiteEnd(squeezed: string): boolean {
  return /(?:tokens?|passphrase|passwd|secrets?|creds|connstr|connectionstring)$/.test(squeezed);
}

/** `dbPassword`, `DB_PASSWORD`, `db-password` → db, password. Runs of capitals are one word: `APIKey` → api, key. */
function wordsOf(name: string): string[] {
  return name
    .replace(/([a-z0-9])([A-Z])/g, '$1 $2')
    .replace(/([A-Z])([A-Z][a-z])/g, '$1 $2')
    .toLowerCase()
    .split(/[^a-z0-9]+/)
    .filter((word) => word !== '');
}
