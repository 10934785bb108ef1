/**
 * A bare mirror of one repository's branches in the data directory, fetched again and again. Questions are answered from
 * the mirror alone: nobody who asks waits for the network. A fetch that fails leaves what is there, and is repeated.
 */
import type { ApiCommit, ApiGitRepository } from '@driftline/proto';
import { createHash } from 'node:crypto';
import { mkdir, readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Logger } from 'pino';
import { backoffMs, pause } from '../../backoff.ts';
import { toRfc3339 } from '../query/timeline-query.ts';
import type { GitLimits } from './git-limits.ts';
import { gitLog } from './log-events.ts';
import { cleanText, parseCommit } from './parse-commit.ts';
import { type RepositoryEntry, repositoryName } from './repositories-file.ts';
import { type Ask, type GitOutcome, runGit } from './run-git.ts';
import { keyringIn, readSignatures, unchecked, unsigned, writeKeyring } from './signatures.ts';

export type MirrorOptions = {
  readonly entry: RepositoryEntry;
  /** Folder for this and other mirrors. */
  readonly folder: string;
  /** Where executables are looked for, as in PATH. */
  readonly searchPath: string;
  readonly limits: GitLimits;
  readonly logger: Logger;
  /** Milliseconds since the Unix epoch. */
  readonly now: () => number;
  /** 0 ≤ random() < 1 */
  readonly random: () => number;
  readonly onFetch: (outcome: 'fetched' | 'failed') => void;
};

/** What was found of the ids that were asked for; an id in neither is not in the repository. */
export type FoundCommits = {
  readonly commits: ReadonlyMap<string, ApiCommit>;
  /** Set when the mirror could not be read: nothing is known of ids that were not found. */
  readonly problem: string | undefined;
};

/** Thrown and caught in this folder only. */
export class GitFault extends Error {
  readonly outcome: Extract<GitOutcome, { ok: false }>;
  constructor(outcome: Extract<GitOutcome, { ok: false }>) {
    super(outcome.reason);
    this.name = 'GitFault';
    this.outcome = outcome;
  }
}

export class GitMirror {
  readonly #options: MirrorOptions;
  readonly #folder: string;
  readonly #stop = new AbortController();
  readonly #cache = new Map<string, ApiCommit>();
  /** What the cached commits' standing depends on: the branch's commit and the signers' files. */
  #standing = '';
  /** Which version of the file of allowed keys is in the keyring. */
  #keys: string | undefined;
  #state: Pick<ApiGitRepository, 'state' | 'head' | 'fetchedAt' | 'problem'> = {
    state: 'waiting',
    head: '',
    fetchedAt: null,
    problem: 'it has not been fetched yet',
  };
  #reading: Promise<unknown> = Promise.resolve();
  #running: Promise<void> = Promise.resolve();

  constructor(options: MirrorOptions) {
    this.#options = options;
    const { url, path, match, branch } = options.entry;
    const identity = JSON.stringify([match.tenant, url ?? path, branch]);
    this.#folder = join(options.folder, createHash('sha256').update(identity).digest('hex').slice(0, 32));
  }

  get entry(): RepositoryEntry {
    return this.#options.entry;
  }

  get status(): ApiGitRepository {
    return { repository: repositoryName(this.entry), branch: this.entry.branch, ...this.#state };
  }

  /** Fetches now and from then on, until closed. */
  start(): void {
    this.#running = this.#run();
  }

  async close(): Promise<void> {
    this.#stop.abort();
    await this.#running;
    await this.#reading;
  }

  async #run(): Promise<void> {
    const { limits, random } = this.#options;
    const { signal } = this.#stop;
    const retry = { firstMs: limits.fetchRetryFirstMs, maxMs: limits.fetchRetryMaxMs };
    // What an earlier process fetched is answered from, also while the repository is away.
    const earlier = await this.#prepare()
      .then(() => this.#readHead())
      .catch(() => '');
    this.#state = { ...this.#state, head: earlier };
    for (let failures = 0; !signal.aborted; ) {
      failures = (await this.fetch()) ? 0 : failures + 1;
      const waitMs =
        failures === 0 ? limits.fetchIntervalMs * (0.9 + random() / 5) : backoffMs(retry, failures, random());
      await pause(waitMs, signal);
    }
  }

  /** Once; false when it failed. */
  async fetch(): Promise<boolean> {
    const { logger, now, onFetch } = this.#options;
    try {
      await this.#prepare();
      await this.#fetchBranches();
      const head = await this.#readHead();
      this.#state = { state: 'ready', head, fetchedAt: toRfc3339(now() * 1_000), problem: '' };
      onFetch('fetched');
      logger.debug({ event: gitLog.fetched, repository: this.status.repository, head });
      return true;
    } catch (error) {
      if (this.#stop.signal.aborted) return false;
      const problem = this.#sentence(error);
      if (this.#state.problem !== problem)
        logger.warn({ event: gitLog.fetchFailed, repository: this.status.repository, problem });
      this.#state = { ...this.#state, state: 'failing', problem };
      onFetch('failed');
      return false;
    }
  }

  /** `shas`: full and hexadecimal. */
  find(shas: readonly string[]): Promise<FoundCommits> {
    // One at a time: whoever asks for many commits starts no crowd of processes.
    const found = this.#reading.then(() => this.#find(shas));
    this.#reading = found;
    return found;
  }

  async #find(shas: readonly string[]): Promise<FoundCommits> {
    const commits = new Map<string, ApiCommit>();
    if (this.#state.head === '') return { commits, problem: this.#state.problem };
    try {
      await this.#forgetWhenOutdated();
      const missing = shas.filter((sha) => !this.#cache.has(sha));
      for (const sha of shas) {
        const commit = this.#cache.get(sha);
        if (commit !== undefined) commits.set(sha, commit);
      }
      if (missing.length > 0)
        for (const commit of await this.#read(missing)) {
          commits.set(commit.sha, commit);
          // A check that did not run may run the next time.
          if (commit.signature.state !== 'unchecked') this.#remember(commit);
        }
      return { commits, problem: undefined };
    } catch (error) {
      const problem = this.#sentence(error);
      if (!this.#stop.signal.aborted)
        this.#options.logger.warn({ event: gitLog.readFailed, repository: this.status.repository, problem });
      return { commits, problem };
    }
  }

  async #forgetWhenOutdated(): Promise<void> {
    const { allowedSignersFile, allowedKeysFile } = this.entry;
    const files = await Promise.all([allowedSignersFile, allowedKeysFile].map(versionOf));
    const standing = JSON.stringify([this.#state.head, ...files]);
    if (standing === this.#standing) return;
    this.#cache.clear();
    if (this.#keys !== files[1]) await writeKeyring(this.#ask, keyringIn(this.#folder), allowedKeysFile);
    this.#keys = files[1];
    this.#standing = standing;
  }

  #remember(commit: ApiCommit): void {
    const oldest = this.#cache.keys().next();
    if (this.#cache.size >= this.#options.limits.cachedCommits && !oldest.done) this.#cache.delete(oldest.value);
    this.#cache.set(commit.sha, commit);
  }

  async #read(shas: readonly string[]): Promise<readonly ApiCommit[]> {
    const facts = (await this.#objects(shas)).flatMap(
      ([sha, text]) => parseCommit(sha, text, this.#options.limits) ?? [],
    );
    if (facts.length === 0) return [];
    const offBranch = await this.#offBranch(facts.map(({ sha }) => sha));
    const signed = facts.filter(({ isSigned }) => isSigned).map(({ sha }) => sha);
    const signatures = await readSignatures(this.#ask, this.entry, keyringIn(this.#folder), signed);
    return facts.map(({ isSigned, ...commit }) => ({
      repository: this.status.repository,
      ...commit,
      branch: this.entry.branch,
      isOnBranch: !offBranch.has(commit.sha),
      signature: isSigned ? (signatures.get(commit.sha) ?? unchecked) : unsigned,
    }));
  }

  /** Those that are commits of bearable size, with their text. */
  async #objects(shas: readonly string[]): Promise<readonly (readonly [sha: string, text: string])[]> {
    const { commitBytes, outputBytes } = this.#options.limits;
    const listed = await this.#output(['cat-file', '--batch-check'], lines(shas));
    const commits = listed
      .toString('latin1')
      .split('\n')
      .flatMap((line) => {
        const [, sha, size] = /^([0-9a-f]+) commit (\d+)$/.exec(line) ?? [];
        return sha === undefined || Number(size) > commitBytes ? [] : [{ sha, size: Number(size) }];
      });
    const read: (readonly [string, string])[] = [];
    for (const part of partsOf(commits, outputBytes / 2)) {
      let rest = await this.#output(['cat-file', '--batch'], lines(part.map(({ sha }) => sha)));
      for (const { sha, size } of part) {
        const start = rest.indexOf(10) + 1;
        read.push([sha, rest.toString('utf8', start, start + size)]);
        rest = rest.subarray(start + size + 1);
      }
    }
    return read;
  }

  /** Which are not in the history of the tracked branch. */
  async #offBranch(shas: readonly string[]): Promise<ReadonlySet<string>> {
    const { head } = this.#state;
    const listed = await this.#output(['rev-list', '--stdin'], lines(head === '' ? shas : [...shas, `^${head}`]));
    return new Set(listed.toString('latin1').split('\n'));
  }

  async #prepare(): Promise<void> {
    await mkdir(this.#folder, { recursive: true, mode: 0o700 });
    // Of a fetch that was killed: a mirror has one owner.
    const top = (await readdir(this.#folder)).map((name) => join(this.#folder, name));
    const refs = join(this.#folder, 'refs');
    const inRefs = await readdir(refs, { recursive: true }).catch(() => []);
    for (const file of [...top, ...inRefs.map((name) => join(refs, name))])
      if (file.endsWith('.lock')) await rm(file, { force: true });
    await this.#output(['init', '--quiet', '--bare']);
  }

  async #fetchBranches(): Promise<void> {
    const { url, path, credentialsFile, caFile } = this.entry;
    const source = url ?? path ?? '';
    const protocol = url === undefined ? 'file' : new URL(url).protocol.slice(0, -1);
    const settings = [`protocol.${protocol}.allow=always`];
    if (caFile !== undefined) settings.push(`http.sslCAInfo=${caFile}`);
    if (credentialsFile !== undefined) settings.push(`credential.helper=${credentialHelper}`);
    const args = [
      'fetch',
      '--quiet',
      '--prune',
      '--no-tags',
      '--no-write-fetch-head',
      source,
      '+refs/heads/*:refs/heads/*',
    ];
    const outcome = await this.#ask({
      args,
      settings,
      environment: credentialsFile === undefined ? {} : { DRIFTLINE_GIT_CREDENTIALS_FILE: credentialsFile },
      timeoutMs: this.#options.limits.fetchTimeoutMs,
    });
    if (!outcome.ok) throw new GitFault(outcome);
  }

  /** Throws BranchMissing. */
  async #readHead(): Promise<string> {
    const ref = `refs/heads/${this.entry.branch}`;
    const listed = await this.#output(['for-each-ref', '--format=%(objectname) %(refname)', ref]);
    const line = listed
      .toString('utf8')
      .split('\n')
      .find((each) => each.endsWith(` ${ref}`));
    const head = line?.split(' ', 1)[0];
    if (head === undefined) throw new BranchMissing();
    return head;
  }

  readonly #ask: Ask = (question) => {
    const { program = 'git', args, settings = [], environment = {}, input = '' } = question;
    const { searchPath, limits } = this.#options;
    return runGit({
      program,
      args: program === 'git' ? [`--git-dir=${this.#folder}`, ...args] : args,
      settings,
      environment: { PATH: searchPath, HOME: this.#folder, ...environment },
      input,
      timeoutMs: question.timeoutMs ?? limits.readTimeoutMs,
      outputBytes: limits.outputBytes,
      signal: this.#stop.signal,
    });
  };

  async #output(args: readonly string[], input = ''): Promise<Buffer> {
    const outcome = await this.#ask({ args, input });
    if (!outcome.ok) throw new GitFault(outcome);
    return outcome.output;
  }

  #sentence(error: unknown): string {
    if (error instanceof BranchMissing) return `it has no branch ${this.entry.branch}`;
    if (!(error instanceof GitFault)) return 'its mirror in the data directory cannot be written';
    const { reason, detail } = error.outcome;
    switch (reason) {
      case 'not-installed':
        return 'git is not installed where the collector runs';
      case 'timeout':
        return 'git did not finish in time';
      case 'output-limit':
        return 'git answered more than can be read';
      case 'stopped':
        return 'the collector is stopping';
      case 'failed':
        return `git failed: ${cleanText(lastComplaint(detail), 300)}`;
    }
  }
}

class BranchMissing extends Error {}

/** git runs it with the action as its last argument; storing and erasing do nothing. */
const credentialHelper = '!f() { test "$1" = get && cat "$DRIFTLINE_GIT_CREDENTIALS_FILE"; }; f';

function lastComplaint(detail: string): string {
  const said = detail.split('\n').filter((line) => line.trim() !== '');
  return said.findLast((line) => /^(fatal|error): /.test(line)) ?? said.at(-1) ?? 'it does not say why';
}

function lines(items: readonly string[]): string {
  return items.map((item) => `${item}\n`).join('');
}

/** Changes whenever the file does. */
async function versionOf(file: string | undefined): Promise<string> {
  if (file === undefined) return '';
  const found = await stat(file).catch(() => undefined);
  return found === undefined ? 'missing' : `${found.ino} ${found.size} ${found.mtimeMs}`;
}

function partsOf<T extends { readonly size: number }>(
  items: readonly T[],
  maxBytes: number,
): readonly (readonly T[])[] {
  const parts: T[][] = [];
  let bytes = Number.POSITIVE_INFINITY;
  for (const item of items) {
    bytes += item.size;
    if (bytes > maxBytes) {
      parts.push([]);
      bytes = item.size;
    }
    parts.at(-1)?.push(item);
  }
  return parts;
}
