/**
 * The tools that this bench is measured beside, each built or installed once per version into the test cache, outside the
 * checkout. Programs in Go are compiled from the module as published, with its own replacements; checkov is installed
 * from PyPI into an environment of its own.
 */
import { execFileSync, type ExecFileSyncOptions, spawnSync } from 'node:child_process';
import { cpSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { cached, digestOf } from '../../real/cache.ts';

type GoTool = { readonly module: string; readonly version: string; readonly main: string };

const goTools = {
  'kube-score': { module: 'github.com/zegl/kube-score', version: 'v1.20.0', main: './cmd/kube-score' },
  gator: { module: 'github.com/open-policy-agent/gatekeeper/v3', version: 'v3.23.1', main: './cmd/gator' },
  kyverno: { module: 'github.com/kyverno/kyverno', version: 'v1.19.1', main: './cmd/cli/kubectl-kyverno' },
  opa: { module: 'github.com/open-policy-agent/opa', version: 'v1.22.0', main: '.' },
} as const satisfies Readonly<Record<string, GoTool>>;

const checkovVersion = '3.3.30';

export type GoToolName = keyof typeof goTools;
export type PeerName = GoToolName | 'checkov';

export const peerVersions: Readonly<Record<PeerName, string>> = {
  'kube-score': goTools['kube-score'].version.slice(1),
  gator: goTools.gator.version.slice(1),
  kyverno: goTools.kyverno.version.slice(1),
  opa: goTools.opa.version.slice(1),
  checkov: checkovVersion,
};

/** Path of the program; minutes when it is not cached. Needs Go 1.26 or newer. */
export function goTool(name: GoToolName): string {
  const { module, version, main } = goTools[name];
  const go = spawnSync('go', ['version'], { encoding: 'utf8' });
  if (go.status !== 0) throw new Error('the comparison compiles its peers: install Go 1.26 or newer');
  const folder = cached(`peer-${name}`, digestOf([], version, go.stdout.trim()), (target) => {
    console.error(`compiling ${name} ${version} (once per version, minutes) …`);
    const env = { ...process.env, CGO_ENABLED: '0', GOFLAGS: '-mod=mod' };
    const source = join(target, 'source');
    const download = execFileSync('go', ['mod', 'download', '-json', `${module}@${version}`], {
      encoding: 'utf8',
      env,
    });
    const { Dir: published } = JSON.parse(download) as { readonly Dir: string };
    cpSync(published, source, { recursive: true });
    execFileSync('chmod', ['-R', 'u+w', source]);
    execFileSync('go', ['build', '-trimpath', '-ldflags=-s -w', '-o', join(target, name), main], {
      cwd: source,
      stdio: ['ignore', 'inherit', 'inherit'],
      env,
    });
    rmSync(source, { recursive: true, force: true });
  });
  return join(folder, name);
}

/** The interpreter that has checkov: run it with `-m checkov.main`. Needs Python 3.9 or newer. */
export function checkovPython(): string {
  const python = spawnSync('python3', ['--version'], { encoding: 'utf8' });
  if (python.status !== 0) throw new Error('the comparison installs checkov: install Python 3.9 or newer');
  const folder = cached('peer-checkov', digestOf([], checkovVersion, python.stdout.trim()), (target) => {
    console.error(`installing checkov ${checkovVersion} (once per version) …`);
    const options: ExecFileSyncOptions = { stdio: ['ignore', 'ignore', 'inherit'] };
    execFileSync('python3', ['-m', 'venv', target], options);
    execFileSync(
      join(target, 'bin/python'),
      ['-m', 'pip', 'install', '--quiet', `checkov==${checkovVersion}`],
      options,
    );
  });
  return join(folder, 'bin/python');
}
