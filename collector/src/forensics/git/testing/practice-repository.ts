/** A real Git repository in a temporary folder, for tests. */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export const searchPath = process.env['PATH'] ?? '/usr/local/bin:/usr/bin:/bin';

/** Why tests that need a program cannot run here; false when they can. */
export function isMissing(program: 'git' | 'ssh-keygen' | 'gpg'): string | false {
  return spawnSync(program, ['--version']).error === undefined ? false : `${program} is not installed: NOT TESTED`;
}

export type PracticeRepository = {
  /** Folder that holds the repository and is removed at the end. */
  readonly folder: string;
  readonly path: string;
  git(...args: readonly string[]): string;
  /** An empty commit on the branch that is checked out; its id. */
  commit(message: string, ...options: readonly string[]): string;
  /** A commit object with this text, on no branch. */
  write(text: string): string;
  remove(): void;
};

export function createPracticeRepository(): PracticeRepository {
  const folder = mkdtempSync(join(tmpdir(), 'driftline-git-'));
  const path = join(folder, 'deployments');
  const env = {
    PATH: searchPath,
    HOME: folder,
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_CONFIG_GLOBAL: '/dev/null',
    GIT_AUTHOR_DATE: '2026-03-01T10:00:00+01:00',
    GIT_COMMITTER_DATE: '2026-03-01T09:05:00Z',
  };
  const run = (args: readonly string[], input = ''): string =>
    execFileSync('git', ['-C', path, ...args], { env, input, stdio: 'pipe', encoding: 'utf8' }).trim();
  execFileSync('git', ['init', '--quiet', '--initial-branch=main', path], { env });
  run(['config', 'user.name', 'Alice Example']);
  run(['config', 'user.email', 'alice@example.com']);
  return {
    folder,
    path,
    git: (...args) => run(args),
    commit(message, ...options) {
      run(['commit', '--quiet', '--allow-empty', '--cleanup=verbatim', '--file=-', ...options], message);
      return run(['rev-parse', 'HEAD']);
    },
    write: (text) => run(['hash-object', '-w', '-t', 'commit', '--stdin'], text),
    remove: () => rmSync(folder, { recursive: true, force: true, maxRetries: 10 }),
  };
}

/** Signs commits with a new SSH key from now on; `allow` writes an allowed signers file that names only this key. */
export function signWithNewKey(repository: PracticeRepository, name: string): { allow(principal: string): string } {
  const key = join(repository.folder, name);
  execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', name, '-f', key]);
  repository.git('config', 'gpg.format', 'ssh');
  repository.git('config', 'user.signingkey', key);
  repository.git('config', 'commit.gpgsign', 'true');
  return {
    allow(principal) {
      const file = join(repository.folder, `${name}.signers`);
      const [type = '', text = ''] = readFileSync(`${key}.pub`, 'utf8').split(' ');
      writeFileSync(file, `${principal} ${type} ${text}\n`);
      return file;
    },
  };
}

/** Signs commits with a new OpenPGP key from now on; `allow` writes a file of its public key. */
export function signWithNewPgpKey(repository: PracticeRepository): { readonly fingerprint: string; allow(): string } {
  const env = { PATH: searchPath, GNUPGHOME: join(repository.folder, 'pgp') };
  mkdirSync(env.GNUPGHOME, { mode: 0o700 });
  const gpg = (...args: readonly string[]): string =>
    execFileSync('gpg', ['--batch', '--quiet', '--passphrase', '', ...args], { env, stdio: 'pipe', encoding: 'utf8' });
  gpg('--quick-gen-key', 'Alice <alice@example.com>', 'ed25519', 'sign', 'never');
  const fingerprint = /^fpr:+([0-9A-F]+):/m.exec(gpg('--with-colons', '--list-keys'))?.[1] ?? '';
  const program = join(repository.folder, 'gpg.sh');
  writeFileSync(program, `#!/bin/sh\nGNUPGHOME='${env.GNUPGHOME}' exec gpg "$@"\n`, { mode: 0o755 });
  repository.git('config', 'gpg.format', 'openpgp');
  repository.git('config', 'gpg.program', program);
  repository.git('config', 'user.signingkey', fingerprint);
  repository.git('config', 'commit.gpgsign', 'true');
  return {
    fingerprint,
    allow() {
      const file = join(repository.folder, 'alice.asc');
      writeFileSync(file, gpg('--armor', '--export', fingerprint));
      return file;
    },
  };
}
