/** Where secrets hide in Kubernetes objects: each place takes a secret and gives an object that holds it. */
import type { JsonObject } from '../src/message.ts';

export function base64(text: string): string {
  return Buffer.from(text).toString('base64');
}

/** Synthetic. No spaces or quotes, so that they stand in every notation; letters, digits and signs in different order. */
export const canaries = ['hunter2Canary', 'Canary-9_x.Q7~z', 'c4n4ry/with+base64=='];

const inFile = (name: string, text: string): JsonObject => ({ kind: 'ConfigMap', data: { [name]: text } });
const inContainer = (container: JsonObject): JsonObject => ({
  spec: { template: { spec: { containers: [container] } } },
});
const inScript = (script: string): JsonObject => inContainer({ name: 'a', command: ['/bin/sh', '-c', script] });
const applied = 'kubectl.kubernetes.io/last-applied-configuration';

export const hidingPlaces: Readonly<Record<string, (secret: string) => JsonObject>> = {
  'Secret data': (s) => ({ kind: 'Secret', data: { anything: base64(s) } }),
  'Secret stringData': (s) => ({ kind: 'Secret', stringData: { anything: s } }),
  'Secret data that is no Base64': (s) => ({ kind: 'Secret', data: { anything: `%${s}` } }),
  'a list of Secrets': (s) => ({ kind: 'SecretList', items: [{ data: { anything: base64(s) } }] }),
  'a List with a Secret': (s) => ({ kind: 'List', items: [{ kind: 'Secret', data: { anything: base64(s) } }] }),
  'last-applied-configuration of a Secret': (s) => ({
    kind: 'Secret',
    metadata: {
      annotations: { [applied]: JSON.stringify({ kind: 'Secret', data: { a: base64(s) }, stringData: { b: s } }) },
    },
  }),
  'last-applied-configuration of a workload': (s) => ({
    metadata: { annotations: { [applied]: JSON.stringify(inContainer({ env: [{ name: 'API_KEY', value: s }] })) } },
  }),
  'an environment variable': (s) => inContainer({ env: [{ name: 'DB_PASSWORD', value: s }] }),
  'an environment variable with a short name': (s) => inContainer({ env: [{ name: 'SMTP_PASS', value: s }] }),
  'a password in a URL in an environment variable': (s) =>
    inContainer({ env: [{ name: 'DB', value: `postgres://user:${s}@db:5432/app` }] }),
  'a URL without a user': (s) => inContainer({ env: [{ name: 'CACHE', value: `redis://:${s}@cache:6379/0` }] }),
  'a Go data source name': (s) => inContainer({ env: [{ name: 'DB', value: `user:${s}@tcp(db:3306)/app` }] }),
  'Java options': (s) => inContainer({ env: [{ name: 'JAVA_OPTS', value: `-Xmx1g -Ddb.password=${s} -Dx=y` }] }),
  'a flag with an equals sign': (s) => inContainer({ args: [`--password=${s}`] }),
  'the argument after a flag': (s) => inContainer({ args: ['--client-secret', s] }),
  'the argument after -p': (s) => inContainer({ args: ['-u', 'root', '-p', s] }),
  'the argument after -u': (s) => inContainer({ command: ['curl', '-u', `user:${s}`, 'http://a'] }),
  'a glued -p': (s) => inContainer({ command: ['mysql', '-uroot'], args: [`-p${s}`] }),
  'export in a script': (s) => inScript(`set -e; export TOKEN=${s} && run --x=y`),
  'an assignment before a command': (s) => inScript(`API_KEY="${s}" ./run`),
  'a default in a script': (s) => inScript(`echo "\${PASSWORD:-${s}}"`),
  'mysql -p in a script': (s) => inScript(`mysql -h db -u root -p${s} -e 'select 1'`),
  'a header in a script': (s) => inScript(`curl -H "X-Api-Key: ${s}" https://a.example.com`),
  'a bearer header in a script': (s) => inScript(`curl -H 'Authorization: Bearer ${s}' https://a.example.com`),
  'a redis-cli password': (s) => inScript(`redis-cli -h cache -a ${s} ping`),
  'a probe header': (s) =>
    inContainer({
      livenessProbe: { httpGet: { httpHeaders: [{ name: 'Authorization', value: `Basic ${base64(`user:${s}`)}` }] } },
    }),
  'an annotation': (s) => ({ metadata: { annotations: { 'example.com/api-token': s } } }),
  'a URL in an annotation': (s) => ({
    metadata: { annotations: { 'example.com/source': `https://user:${s}@git.example.com/x` } },
  }),
  'a ConfigMap value': (s) => inFile('db_password', s),
  'a ConfigMap file named like a secret': (s) => inFile('password.conf', s),
  YAML: (s) => inFile('a.yaml', `db:\n  host: x\n  password: ${s}\n  pool: 5\n`),
  'quoted YAML': (s) => inFile('a.yaml', `db:\n  'password': '${s}'\n`),
  'a YAML block scalar': (s) => inFile('a.yaml', `db:\n  secret: |\n    first ${s}\n\n    ${s}\n  pool: 5\n`),
  'a YAML folded value': (s) => inFile('a.yaml', `db:\n  secret:\n    ${s}\n  pool: 5\n`),
  'a YAML list': (s) => inFile('a.yaml', `tokens:\n- ${s}\n- "b${s}"\npool: 5\n`),
  'a YAML map': (s) => inFile('a.yaml', `tokens:\n  ci: ${s}\n  nested:\n    password: ${s}\n  cd: "${s}"\npool: 5\n`),
  'a YAML flow map': (s) => inFile('a.yaml', `db: {host: x, password: ${s}, pool: 5}\n`),
  'a YAML flow list': (s) => inFile('a.yaml', `tokens: [${s}, "b${s}"]\n`),
  'a name and a value in YAML': (s) =>
    inFile('a.yaml', `env:\n- name: DB_PASSWORD\n  value: ${s}\n- name: X\n  value: y\n`),
  JSON: (s) => inFile('a.json', JSON.stringify({ a: [{ client_secret: s }], b: [{ name: 'API_TOKEN', value: s }] })),
  'JSON with comments': (s) => inFile('a.json', `{ // comment\n  "client_secret": "${s}",\n}`),
  'a repeated key in JSON': (s) => inFile('a.json', `{"password": "${s}", "password": null}`),
  'JSON in JSON': (s) => inFile('a.json', JSON.stringify({ inner: JSON.stringify({ password: s }) })),
  'escaped JSON in a text': (s) => inFile('a.txt', `payload = {\\"password\\": \\"${s}\\"}`),
  properties: (s) => inFile('application.properties', `spring.datasource.password=${s}\nserver.port=8080\n`),
  dotenv: (s) => inFile('.env', `A=1\nexport SECRET_KEY="${s}"\nPASSWORD=${s}\n`),
  '.npmrc': (s) => inFile('.npmrc', `registry=https://r.example.com/\n//r.example.com/:_authToken=${s}\n`),
  '.npmrc with _auth': (s) => inFile('.npmrc', `//r.example.com/:_auth=${base64(`user:${s}`)}\n`),
  '.netrc': (s) => inFile('netrc.txt', `machine a.example.com login me password ${s}\n`),
  'a Docker configuration': (s) =>
    inFile('config.json', JSON.stringify({ auths: { 'r.example.com': { auth: base64(`user:${s}`) } } })),
  'TOML and INI': (s) => inFile('a.toml', `[db]\nuser = "x"\npassword = "${s}"\n`),
  'redis.conf': (s) => inFile('redis.conf', `port 6379\nrequirepass ${s}\n`),
  'XML elements': (s) => inFile('a.xml', `<db><password>${s}</password></db>`),
  'XML attributes': (s) => inFile('a.xml', `<property name="db.password" value="${s}"/>`),
  'Hadoop XML': (s) => inFile('a.xml', `<property>\n<name>fs.s3a.secret.key</name>\n<value>${s}</value>\n</property>`),
  SQL: (s) => inFile('init.sql', `CREATE USER x WITH PASSWORD '${s}';`),
  'an ADO connection string': (s) => inFile('appsettings', `Server=db;User Id=x;Password=${s};Timeout=3`),
  'query parameters': (s) => inFile('a.txt', `https://a.example.com/x?token=${s}&page=2`),
  'a kubeconfig': (s) => inFile('config', `users:\n- name: me\n  user:\n    token: ${s}\n`),
  binaryData: (s) => ({ kind: 'ConfigMap', binaryData: { 'a.bin': base64(`password=${s}`) } }),
  'a private key': (s) => inFile('a.txt', `x\n-----BEGIN RSA PRIVATE KEY-----\n${s}\n-----END RSA PRIVATE KEY-----\ny`),
  'an unfinished private key': (s) => inFile('a.txt', `-----BEGIN PRIVATE KEY-----\n${s}`),
  'a custom resource': (s) => ({ kind: 'Db', spec: { auth: { password: s, apiKey: s, connectionString: s } } }),
  'a custom resource with a value member': (s) => ({
    spec: { password: { value: s }, tokens: [s], secrets: { ci: s } },
  }),
  'Helm parameters of an Application': (s) => ({
    spec: { source: { helm: { parameters: [{ name: 'db.password', value: s }], values: `db:\n  password: ${s}\n` } } },
  }),
  'objects among arguments': (s) => ({ args: ['-x', { name: 'API_TOKEN', value: s }] }),
  'a default of a template parameter': (s) => ({ parameters: [{ name: 'ADMIN_PASSWORD', default: s }] }),
  'a patch of an environment variable by position': (s) => ({
    patch: [{ op: 'replace', path: '/spec/containers/0/env/3/value', value: s }],
  }),
  'Base64 of a text': (s) => inContainer({ env: [{ name: 'CONFIG', value: base64(`db:\n  password: ${s}\n`) }] }),
  'Base64 of JSON': (s) => ({
    spec: { bootstrap: base64(JSON.stringify({ items: [{ name: 'API_KEY', value: s }] })) },
  }),
  'kubectl create secret in a script': (s) => inScript(`kubectl create secret generic x --from-literal=anything=${s}`),
  'chpasswd in a script': (s) => inScript(`echo "root:${s}" | chpasswd`),
  'a password on standard input': (s) => inScript(`echo ${s} | docker login -u me --password-stdin r.example.com`),
  'a bracketed key in a program': (s) => inFile('a.py', `config['password'] = '${s}'\n`),
  'an argument of a call': (s) => inFile('a.php', `define('DB_PASSWORD', '${s}');\n`),
  'a header in nginx.conf': (s) => inFile('nginx.conf', `proxy_set_header X-Api-Key ${s};\n`),
  'a JSON Web Key': (s) => ({ spec: { jwk: { kty: 'oct', k: s } } }),
  'an Oracle URL': (s) => inFile('a.txt', `jdbc:oracle:thin:scott/${encodeURIComponent(s)}@//db:1521/x`),
};
