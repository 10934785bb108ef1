import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { delimiter, join } from 'node:path';
import { reportParts } from './output/report-text.ts';
import type { Report, ReportedFinding } from './report.ts';
import { scan } from './scan.ts';
import { problems, scanFiles, settings, told, withFiles } from './testing/scan-files.ts';

const privileged = (name: string, more = '') => `apiVersion: v1
kind: Pod
metadata:
  name: ${name}
  namespace: shop
spec:
  containers:
    - name: web
      image: registry.example.org/web:1.0
      securityContext:
        privileged: true
${more}`;

const secret = 'hunter2hunter2';

describe('manifests', () => {
  test('a finding names the line of the field that fails, in every document of a file, Lists and JSON included', async () => {
    const list = {
      apiVersion: 'v1',
      kind: 'PodList',
      items: [
        {
          metadata: { name: 'listed', namespace: 'shop' },
          spec: { containers: [{ name: 'web', securityContext: { privileged: true } }] },
        },
      ],
    };
    const report = await scanFiles({
      'two.yaml': `${privileged('one')}---\n# another\n${privileged('two')}`,
      'list.yaml': `apiVersion: v1\nkind: List\nitems:\n  - ${privileged('inner').replaceAll('\n', '\n    ').trimEnd()}\n`,
      'list.json': JSON.stringify(list, null, 2),
    });
    const path = 'spec.containers[name=web].securityContext.privileged';
    assert.deepEqual(told(report, 'DL-POD-001'), [
      `DL-POD-001 list.json:15 Pod shop/listed ${path}`,
      `DL-POD-001 list.yaml:14 Pod shop/inner ${path}`,
      `DL-POD-001 two.yaml:11 Pod shop/one ${path}`,
      `DL-POD-001 two.yaml:24 Pod shop/two ${path}`,
    ]);
    assert.deepEqual([report.objects.length, report.fileCount, report.problems.length], [4, 3, 0]);
  });

  test('YAML is read as the cluster reads it: yes is true, merge keys merge, null is unset, times and 1.2.3 are text', async () => {
    const yaml = `apiVersion: v1
kind: Pod
metadata: { name: odd, namespace: shop, labels: { build: 12:30:45, day: 2026-11-21, dot: ., e: e5 } }
spec:
  hostNetwork: yes
  hostPID: off
  volumes: ~
  containers:
    - &base
      name: one
      image: registry.example.org/web:1.0
      command: null
      securityContext: { privileged: yes }
    - <<: *base
      name: two
`;
    const report = await scanFiles({ 'odd.yaml': yaml });
    assert.deepEqual(told(report, 'DL-POD-001', 'DL-POD-002'), [
      'DL-POD-001 odd.yaml:13 Pod shop/odd spec.containers[name=one].securityContext.privileged',
      'DL-POD-001 odd.yaml:13 Pod shop/odd spec.containers[name=two].securityContext.privileged',
      'DL-POD-002 odd.yaml:5 Pod shop/odd spec.hostNetwork',
    ]);
    assert.deepEqual(
      report.unanswered.filter(({ state }) => state === 'unjudged'),
      [],
    );
    const { metadata } = report.objects[0]!.object as { metadata: { labels: unknown } };
    assert.deepEqual(metadata.labels, { build: '12:30:45', day: '2026-11-21', dot: '.', e: 'e5' });
  });

  test('an object that is given several times is judged each time', async () => {
    const report = await scanFiles({
      'a.yaml': privileged('same'),
      'b.yaml': privileged('same').replace('privileged: true', 'privileged: false'),
      'c.yaml': privileged('same'),
    });
    assert.deepEqual(
      told(report, 'DL-POD-001').map((text) => text.split(' ')[1]),
      ['a.yaml:11', 'c.yaml:11'],
    );
  });

  test('relations are judged among what is given; what files cannot show is not assessable', async () => {
    const namespace = 'apiVersion: v1\nkind: Namespace\nmetadata: { name: shop }\n';
    const policy = (ns: string) =>
      `apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: { name: deny, namespace: ${ns} }\nspec: { podSelector: {}, policyTypes: [Ingress] }\n`;
    const of = (report: Awaited<ReturnType<typeof scanFiles>>) => [
      told(report, 'DL-NET-001').length,
      report.unanswered.filter(({ control }) => control === 'DL-NET-001').length,
    ];
    assert.deepEqual(of(await scanFiles({ 'n.yaml': namespace })), [0, 1]);
    assert.deepEqual(of(await scanFiles({ 'n.yaml': namespace, 'p.yaml': policy('shop') })), [0, 0]);
    assert.deepEqual(of(await scanFiles({ 'n.yaml': namespace, 'p.yaml': policy('other') })), [1, 0]);
  });

  test('a namespace that no file names is an open question, until it is said', async () => {
    const pod = privileged('p').replace('  namespace: shop\n', '');
    const open = await scanFiles({ 'p.yaml': pod });
    assert.deepEqual(told(open, 'DL-GOV-003'), []);
    assert.ok(open.unanswered.some(({ control }) => control === 'DL-GOV-003'));
    const said = await scanFiles({ 'p.yaml': pod }, { namespace: 'default' });
    assert.deepEqual(told(said, 'DL-GOV-003').length, 1);
    assert.equal(said.objects[0]?.key.namespace, 'default');
  });
});

describe('input that is not fine', () => {
  test('each problem has its place; everything else is judged', async () => {
    const report = await scanFiles({
      'broken.yaml': 'apiVersion: v1\nkind: Pod\nmetadata: {\n',
      'half.yaml': `${privileged('whole')}---\napiVersion: v1\nkind: [\n`,
      'template.yaml': 'apiVersion: v1\nkind: {{ .Values.kind }}\n',
      'template2.yaml': '{{- if .Values.x }}\napiVersion: v1\nkind: Pod\n{{- end }}\n',
      'list.yaml': '# a list\napiVersion: v1\nkind: Pod\nmetadata: [1]\n',
      'deep.json': `{"apiVersion":"v1","kind":"ConfigMap","x":${'['.repeat(3_000)}${']'.repeat(3_000)}}\n`,
      'bomb.yaml': `apiVersion: v1\nkind: ConfigMap\na: &a [x, x, x, x, x, x, x, x, x]\n${'bcdefgh'
        .split('')
        .map((key, index) => `${key}: &${key} [${`*${'abcdefg'[index]}, `.repeat(9)}]`)
        .join('\n')}\n`,
      'fine.yaml': privileged('fine'),
    });
    assert.deepEqual(
      problems(report).map((text) => text.replace(/not valid YAML: .*?(?= \(a template|$)/, 'not valid YAML')),
      [
        'bomb.yaml:1: aliases that expand to too much, or to nothing',
        'broken.yaml:4: not valid YAML',
        'deep.json:1: nested too deep to be judged',
        'half.yaml:15: not valid YAML',
        'list.yaml:3: metadata must be an object, and apiVersion and kind not empty',
        'template.yaml:2: apiVersion and kind must be text (a template? render it first: helm template … | driftline scan -)',
        'template2.yaml:1: not valid YAML (a template? render it first: helm template … | driftline scan -)',
      ],
    );
    assert.deepEqual(
      told(report, 'DL-POD-001').map((text) => text.split(' ')[1]),
      ['fine.yaml:11', 'half.yaml:11'],
    );
  });

  test('files of other programs in a folder need not be readable; what is named must be', async () => {
    await withFiles(
      { 'tsconfig.json': '// comment\n{ "a": 1 }', 'x.yaml': 'a: [', 'p.yaml': privileged('p') },
      async (folder) => {
        assert.deepEqual(problems(await scan([folder], settings)), []);
        const named = await scan([join(folder, 'x.yaml'), join(folder, 'none.yaml'), join(folder, 'p.yaml')], settings);
        assert.deepEqual(
          problems(named).map((text) => text.split(':')[0]),
          ['none.yaml', 'x.yaml'],
        );
        assert.match(problems(named)[0] ?? '', /there is no such file/);
        assert.equal(told(named, 'DL-POD-001').length, 1);
      },
    );
  });

  test('hostile keys and shapes are data', async () => {
    const report = await scanFiles({
      'a.yaml': `${privileged('a')}\n__proto__: { polluted: true }\nconstructor: 1\n`,
      'b.yaml': '42\n---\n- 1\n---\n',
      'c.json': '{"apiVersion":"v1","kind":"Pod","spec":{"containers":{"a":1}}}',
    });
    assert.deepEqual(problems(report), []);
    assert.equal(({} as { polluted?: boolean }).polluted, undefined);
    assert.deepEqual(
      report.objects.map(({ key }) => key.name),
      ['a', '(no name)'],
    );
  });
});

describe('credentials', () => {
  test('are found wherever they are pasted, once, with their line, and never told', async () => {
    const env = `      env:\n        - name: LOG\n          value: info\n        - name: DB_PASSWORD\n          value: ${secret}\n`;
    const report = await scanFiles({
      'pod.yaml': privileged('p', env),
      'secret.yaml': `apiVersion: v1\nkind: Secret\nmetadata: { name: s, namespace: shop }\nstringData:\n  a: ${secret}\n  b: other\n`,
      'values.yaml': `db:\n  password: ${secret}\n`,
      'cr.yaml': `apiVersion: example.org/v1\nkind: Thing\nmetadata: { name: t }\nspec:\n  url: postgres://app:${secret}@db/app\n`,
      'settings.json': `{\n  "token": "ghp_abcdefghijklmnopqrstuvwxyz0123456789"\n}\n`,
    });
    assert.deepEqual(told(report, 'DL-SEC-001', 'DL-SCAN-001'), [
      'DL-SCAN-001 cr.yaml:5 Thing t spec.url',
      'DL-SEC-001 pod.yaml:16 Pod shop/p spec.containers[name=web].env',
      'DL-SCAN-001 secret.yaml:5 Secret shop/s stringData',
      'DL-SCAN-001 settings.json:2 token',
      'DL-SCAN-001 values.yaml:2 db.password',
    ]);
    const said = JSON.stringify(report);
    for (const text of [secret, Buffer.from(secret).toString('base64'), 'ghp_']) assert.ok(!said.includes(text), text);
    assert.ok(!/redacted\([^)]*\):/.test(JSON.stringify(report.findings)), 'no digests: they differ in every scan');
  });
});

describe('what is rendered first', () => {
  const helm = `#!/bin/sh
[ "$1" = template ] || exit 1
[ -e "$3/fails" ] && { echo "no password=${secret} here" >&2; exit 3; }
cat <<X
---
# Source: named-otherwise/templates/pod.yaml
apiVersion: v1
kind: Pod
metadata: { name: "$2" }
spec: { hostNetwork: true, containers: [{ name: c, image: "registry.example.org/x:1" }] }
---
# Source: named-otherwise/templates/secret.yaml
apiVersion: v1
kind: Secret
metadata: { name: s }
stringData: { password: ${secret} }
X
`;
  const kustomize = `#!/bin/sh\ncat "$2"/*.rendered\n`;
  const withPrograms = async <T>(folder: string, programs: string, run: () => Promise<T>): Promise<T> => {
    const before = process.env['PATH'];
    process.env['PATH'] = programs === '' ? folder : [join(folder, programs), before].join(delimiter);
    try {
      return await run();
    } finally {
      process.env['PATH'] = before;
    }
  };

  test('a chart by helm: findings name the template, credentials the values', async () => {
    const files = {
      'bin/helm': helm,
      'web/Chart.yaml': 'apiVersion: v2\nname: named-otherwise\nversion: 0.1.0\n',
      'web/values.yaml': `password: ${secret}\n`,
      'web/templates/pod.yaml': '{{ nothing yaml }}: {\n',
      'bad/Chart.yaml': 'apiVersion: v2\nname: bad\nversion: 0.1.0\n',
      'bad/fails': '',
    };
    await withFiles(files, async (folder) => {
      const report = await withPrograms(folder, 'bin', () => scan([folder], settings));
      assert.deepEqual(told(report, 'DL-POD-002', 'DL-SCAN-001'), [
        'DL-POD-002 web/templates/pod.yaml Pod web spec.hostNetwork',
        'DL-SCAN-001 web/values.yaml:1 password',
      ]);
      assert.match(problems(report).join(), /^bad: helm template failed: no password=redacted\(password\) here$/);
      const without = await withPrograms(folder, '', () => scan([join(folder, 'web')], settings));
      assert.deepEqual(problems(without), ['web: a Helm chart, and there is no helm here to render it']);
    });
  });

  test('a kustomization is judged as built, a base in what builds on it; without a program, its files', async () => {
    const files = {
      'bin/kustomize': kustomize,
      'base/kustomization.yaml': 'resources:\n  - pod.yaml\n',
      'base/pod.yaml': privileged('p', `      env: [{ name: DB_PASSWORD, value: ${secret} }]\n`),
      'prod/kustomization.yaml': 'resources:\n  - ../base\n',
      'prod/x.rendered': privileged('p').replace('shop', 'prod'),
    };
    await withFiles(files, async (folder) => {
      const paths = [join(folder, 'base'), join(folder, 'prod')];
      const built = await withPrograms(folder, 'bin', () => scan(paths, settings));
      assert.deepEqual(told(built, 'DL-POD-001', 'DL-SEC-001', 'DL-SCAN-001'), [
        'DL-POD-001 prod Pod prod/p spec.containers[name=web].securityContext.privileged',
        'DL-SCAN-001 base/pod.yaml:12 Pod shop/p spec.containers[name=web].env[name=DB_PASSWORD].value',
      ]);
      const plain = await withPrograms(folder, '', () => scan(paths, settings));
      assert.deepEqual(told(plain, 'DL-POD-001').length, 1);
      assert.deepEqual([plain.problems.length, plain.notes.length], [0, 1]);
    });
  });
});

test('the parts of an answer in JSON are one document, whatever their number, with what a terminal obeys escaped', async () => {
  const read = await scanFiles({ 'one.yaml': privileged('one'), 'clear.yaml': privileged('"clear\\u202e"') });
  const [finding] = read.findings.filter(({ object }) => object.name.startsWith('clear'));
  assert.ok(finding !== undefined);
  for (const count of [0, 1, 128, 129, 257]) {
    const findings: readonly ReportedFinding[] = Array.from({ length: count }, (_, index) => ({
      ...finding,
      path: `items[${index}]`,
    }));
    const report: Report = { ...read, findings };
    const text = [...(await reportParts('json', report))].join('\n');
    const answer = JSON.parse(text) as { items: { path: string; remediation: unknown }[]; unjudged: unknown[] };
    assert.deepEqual(
      answer.items.map(({ path, remediation }) => ({ path, remediation })),
      report.findings.map(({ path, control: { remediation } }) => ({ path, remediation })),
    );
    assert.equal(text, JSON.stringify(answer, null, 2).replaceAll('\u202e', '\\u202e'));
    assert.deepEqual(Object.keys(answer).slice(-3), ['problems', 'notAssessable', 'unjudged']);
  }
});
