/** What an image's Dockerfile must hold to, checked without building it. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, describe, test } from 'node:test';
import { agentAllocator, agentNodeFlags } from '../bench/harness/processes.ts';

const root = join(import.meta.dirname, '../..');
const owner = '-o 65532 -g 65532';

type Workspace = { readonly dependencies?: Readonly<Record<string, string>> };

/** Folders of the packages of this repository that a package needs, itself included. */
function neededBy(folder: string, found = new Set<string>()): ReadonlySet<string> {
  found.add(folder);
  const manifest = JSON.parse(readFileSync(join(root, folder, 'package.json'), 'utf8')) as Workspace;
  for (const name of Object.keys(manifest.dependencies ?? {})) {
    const other = name.replace('@driftline/', '');
    if (name.startsWith('@driftline/') && !found.has(other)) neededBy(other, found);
  }
  return found;
}

for (const program of ['agent', 'collector']) {
  describe(`the image of the ${program}`, () => {
    const lines = readFileSync(join(root, `deploy/docker/${program}.Dockerfile`), 'utf8').split('\n');
    const last = lines.slice(lines.findLastIndex((line) => line.startsWith('FROM ')));
    const at = (start: string): number => last.findIndex((line) => line.startsWith(start));

    test('copies only what exists, and every package that the program needs', () => {
      const copied = lines
        .filter((line) => line.startsWith('COPY ') && !line.includes('--from='))
        .flatMap((line) => line.split(/\s+/).slice(1, -1));
      assert.deepEqual(
        copied.filter((path) => !existsSync(join(root, path))),
        [],
      );
      const present = last.filter((line) => line.startsWith('COPY ')).map((line) => line.split(/\s+/).at(-1) ?? '');
      assert.deepEqual(
        [...neededBy(program)].filter((folder) => !present.includes(folder)),
        [],
      );
    });

    test('does not run as root, and what it compiles belongs to who runs it: Node reads no other cache', () => {
      assert.match(last[at('USER')] ?? '', /^USER 65532:65532$/);
      assert.ok(at('USER') < at('ENTRYPOINT'));
      assert.ok(at('RUN node') === -1 || at('RUN node') > at('USER'), 'compiled before USER: a cache for root only');
    });

    test('can write to the folder it keeps its state in, when no volume is given', () => {
      const folder = last.findIndex((line) => line.includes(owner) && line.includes('/var/lib/driftline'));
      assert.ok(folder !== -1, 'nobody makes /var/lib/driftline for the user of the image');
      assert.ok(folder < at('USER'));
      assert.ok(at('VOLUME') === -1 || folder < at('VOLUME'), 'a volume takes the owner that its folder had before');
      assert.match(last.join('\n'), /DRIFTLINE_(?:AGENT_STATE|DATA)_DIR=\/var\/lib\/driftline/);
    });
  });
}

test('the image of the collector has the programs that repositories are read with', () => {
  const image = readFileSync(join(root, 'deploy/docker/collector.Dockerfile'), 'utf8');
  const last = image.slice(image.lastIndexOf('\nFROM '));
  const [, installed = ''] = /apt-get install ((?:.|\\\n)*?) \\?\n? *&&/.exec(last) ?? [];
  // openssh-client: ssh, and ssh-keygen for signatures.
  for (const name of ['git', 'gpg', 'openssh-client', 'ca-certificates'])
    assert.ok(installed.split(/\s+/).includes(name), `${name} is not installed: ${installed}`);
});

test('the agent has the same flags and allocator in its image, in the local system and in the benches', () => {
  const image = readFileSync(join(root, 'deploy/docker/agent.Dockerfile'), 'utf8');
  const local = readFileSync(join(root, 'deploy/local/local-system.ts'), 'utf8');
  const entry = JSON.parse(/^ENTRYPOINT (.*)$/m.exec(image)?.[1] ?? '[]') as readonly string[];
  assert.deepEqual(entry, ['node', ...agentNodeFlags, 'agent/src/main.js']);
  assert.ok(image.includes(`RUN node ${agentNodeFlags.join(' ')} agent/src/main.js`), 'compiled with other flags');
  for (const flag of agentNodeFlags) assert.ok(local.includes(`'${flag}'`), flag);
  for (const [name, value] of Object.entries(agentAllocator)) {
    assert.ok(image.includes(`${name}=${value} `), `${name} in the image`);
    assert.ok(local.includes(`${name}: '${value}'`), `${name} in the local system`);
  }
});

describe('the agent as plain JavaScript', () => {
  const folder = mkdtempSync(join(tmpdir(), 'driftline-plain-'));
  after(() => rmSync(folder, { recursive: true, force: true, maxRetries: 10 }));

  test('starts without TypeScript, and finds every file that it names', () => {
    execFileSync(process.execPath, [join(root, 'agent/build.mjs'), folder], { stdio: 'pipe' });
    symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
    const files = ['agent', 'proto']
      .flatMap((room) =>
        readdirSync(join(folder, room), { recursive: true, encoding: 'utf8' }).map((f) => join(room, f)),
      )
      .map((file) => join(folder, file));
    assert.deepEqual(
      files.filter((file) => file.endsWith('.ts')),
      [],
    );
    const named = files
      .filter((file) => file.endsWith('.js'))
      .flatMap((file) => {
        const names = readFileSync(file, 'utf8').matchAll(/(?:from |import\(|new URL\()'(\.[^']+)'/g);
        return [...names].map(([, name = '']) => join(dirname(file), name));
      });
    assert.ok(named.length > 100);
    assert.deepEqual(
      named.filter((file) => !existsSync(file)),
      [],
    );
    const start = ['--no-strip-types', join(folder, 'agent/src/main.js'), '--help'];
    assert.match(execFileSync(process.execPath, start, { encoding: 'utf8' }), /--redaction-key-file/);
  });
});
