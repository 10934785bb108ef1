/**
 * What an image would hold, made without an engine: the instructions of a Dockerfile carried out in folders. COPY obeys
 * .dockerignore, RUN runs as the user of that moment, the last stage's ENV, USER and ENTRYPOINT say how it starts.
 */
import { execFileSync } from 'node:child_process';
import { chmodSync, chownSync, copyFileSync, cpSync, existsSync, mkdirSync, readFileSync, readdirSync } from 'node:fs';
import { dirname, join, matchesGlob, relative } from 'node:path';

const root = join(import.meta.dirname, '../../..');

export type ImageTree = {
  /** The image's WORKDIR. */
  readonly folder: string;
  /** As in the image, but for the paths, which lie under the tree's root. */
  readonly environment: Readonly<Record<string, string>>;
  readonly user: { readonly uid: number; readonly gid: number };
  /** The program and its arguments. */
  readonly entrypoint: readonly [string, ...string[]];
};

type Instruction = { readonly name: string; readonly text: string };

const parse = (dockerfile: string): readonly Instruction[] =>
  dockerfile
    .split('\n')
    .filter((line) => !/^\s*(#|$)/.test(line))
    .join('\n')
    .replaceAll(/\\\n\s*/g, ' ')
    .split('\n')
    .map((line) => ({ name: line.split(' ', 1)[0] ?? '', text: line.slice(line.indexOf(' ') + 1).trim() }));

const ignored: readonly string[] = readFileSync(join(root, '.dockerignore'), 'utf8').split('\n').filter(Boolean);
const isIgnored = (path: string): boolean =>
  ignored.some((pattern) => matchesGlob(path, pattern) || path.startsWith(`${pattern}/`));

/** Throws for an instruction that it does not know: a Dockerfile that says more needs a test that does more. */
export function makeImageTree(program: 'agent' | 'collector', base: string): ImageTree {
  const builder = new Builder(base);
  for (const instruction of parse(readFileSync(join(root, `deploy/docker/${program}.Dockerfile`), 'utf8')))
    builder.carryOut(instruction);
  return builder.tree();
}

class Builder {
  readonly #base: string;
  readonly #stages = new Map<string, string>();
  #stage = '';
  #workdir = '';
  #environment: Record<string, string> = {};
  #user = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };
  #entrypoint: readonly [string, ...string[]] = ['false'];

  constructor(base: string) {
    this.#base = base;
  }

  tree(): ImageTree {
    return {
      folder: this.#at(this.#workdir),
      environment: this.#environment,
      user: this.#user,
      entrypoint: this.#entrypoint,
    };
  }

  carryOut({ name, text }: Instruction): void {
    switch (name) {
      case 'FROM':
        return this.#from(text);
      case 'WORKDIR':
        this.#workdir = text;
        mkdirSync(this.#at(text), { recursive: true });
        return;
      case 'COPY':
        return this.#copy(text.split(/\s+/));
      case 'ENV':
        for (const pair of text.split(/\s+/)) this.#set(pair);
        return;
      case 'USER':
        return this.#become(text);
      case 'RUN':
        return this.#run(text);
      case 'VOLUME':
        return;
      case 'ENTRYPOINT':
        this.#entrypoint = JSON.parse(text) as [string, ...string[]];
        return;
      default:
        throw new Error(`no way to carry out ${name} without an engine`);
    }
  }

  /** Where an absolute path of the image lies. */
  #at(path: string): string {
    return join(this.#base, this.#stage, path);
  }

  #from(text: string): void {
    const [image = '', , alias = 'final'] = text.split(/\s+/);
    if (!image.startsWith('node:24-')) throw new Error(`${image}: this stands in for Node 24 only`);
    this.#stage = alias;
    this.#stages.set(alias, join(this.#base, alias));
    this.#environment = {};
    const bin = this.#at('/usr/local/bin');
    mkdirSync(bin, { recursive: true });
    copyFileSync(process.execPath, join(bin, 'node'));
    this.#environment['PATH'] = `${bin}:/usr/local/bin:/usr/bin:/bin`;
  }

  #set(pair: string): void {
    const [name = '', value = ''] = pair.split('=');
    this.#environment[name] = value.startsWith('/') ? this.#at(value) : value;
  }

  #become(text: string): void {
    const [uid = '', gid = ''] = text.split(':');
    // Only root can become somebody else; whoever is not root is already as unprivileged as the image's user.
    if (process.getuid?.() === 0) this.#user = { uid: Number(uid), gid: Number(gid) };
  }

  #copy(words: readonly string[]): void {
    const stage = words.find((word) => word.startsWith('--from='))?.slice('--from='.length);
    const paths = words.filter((word) => !word.startsWith('--'));
    const target = paths.at(-1) ?? '';
    const into = join(this.#at(this.#workdir), target);
    for (const path of paths.slice(0, -1)) {
      const source = stage === undefined ? join(root, path) : join(this.#stages.get(stage) ?? '', path);
      if (!existsSync(source)) throw new Error(`COPY ${path}: there is no such file`);
      const isFolder = target.endsWith('/');
      const destination = isFolder ? join(into, path.split('/').at(-1) ?? '') : into;
      mkdirSync(dirname(destination), { recursive: true });
      const filter = (from: string): boolean => stage !== undefined || !isIgnored(relative(root, from));
      cpSync(source, destination, { recursive: true, filter, verbatimSymlinks: true });
    }
  }

  #run(text: string): void {
    // Packages of the system are the machine's own here.
    if (text.startsWith('apt-get ')) return;
    // Absolute folders of the image, not the devices of this machine.
    const command = text.replaceAll(/(?<=\s)\/(?!dev\/)[\w./-]+/g, (path) => this.#at(path));
    // Packages come by whatever way this machine reaches its registry.
    const env = text.startsWith('npm ') ? { ...process.env, ...this.#environment } : this.#environment;
    execFileSync('sh', ['-c', command], { cwd: this.#at(this.#workdir), env, stdio: 'pipe', ...this.#user });
  }
}

/** Takes every right to write from what the image itself holds; root has it anyway. */
export function makeReadOnly(folder: string): void {
  for (const entry of readdirSync(folder, { withFileTypes: true, recursive: true }))
    if (entry.isDirectory()) chmodSync(join(entry.parentPath, entry.name), 0o555);
  chmodSync(folder, 0o555);
}

/** A folder for the user of the image, as a volume would be. */
export function makeVolume(path: string, { uid, gid }: ImageTree['user']): string {
  mkdirSync(path, { recursive: true, mode: 0o700 });
  if (process.getuid?.() === 0) chownSync(path, uid, gid);
  return path;
}
