/**
 * The policies in force. The folders are looked at at intervals (a mounted ConfigMap changes by swapped links, which no
 * watch tells reliably). A set is all of its files or nothing: one that is refused changes nothing, and the set before
 * goes on. What is being written is left alone: files count when two looks have found them the same.
 */
import { type Bundle, type ControlMeta, type PolicyProblem, problemText } from '@driftline/policy';
import { findPolicyFiles, readLibrary } from '@driftline/policy/library';
import { stat } from 'node:fs/promises';
import type { Logger } from 'pino';
import { Counter, Gauge, type Registry } from 'prom-client';

export type PolicyRefusal = {
  /** Milliseconds since the Unix epoch: when the refused set was found. */
  readonly sinceMs: number;
  readonly problems: readonly PolicyProblem[];
};

export type PolicySource = {
  /** The same bundle until another one has been loaded. */
  current(): Bundle;
  control(id: string): ControlMeta | undefined;
  /** Milliseconds since the Unix epoch. */
  loadedAtMs(): number;
  /** Of the files as they are now; undefined while they are in force. */
  refusal(): PolicyRefusal | undefined;
  /** Told after `current` has the new bundle. */
  onChange(listener: () => void): void;
  /** One look at the folders; called by a timer, and by tests. Never rejects. */
  look(): Promise<void>;
  close(): Promise<void>;
};

export type PolicySourceOptions = {
  /** Those that are looked at. */
  readonly folders: readonly string[];
  /** Loaded before them, and never looked at again: the library. */
  readonly fixed: readonly string[];
  readonly logger: Logger;
  readonly registry: Registry;
  /** Milliseconds since the Unix epoch. */
  readonly now: () => number;
  readonly lookIntervalMs?: number;
};

export const policyLog = { loaded: 'policy-loaded', refused: 'policy-refused' } as const;

/** Between two looks at the folders. */
export const policyLookIntervalMs = 2_000;
/** Problems or notes in one line of the log; the API has all of them. */
const maxLogged = 20;

/** The policies as they are at the start are refused: nothing is in force that could go on. */
export class PolicyError extends Error {
  readonly code = 'invalid-policy';
  readonly retryable = false;
  constructor(problems: readonly PolicyProblem[]) {
    super(`policy files are not usable:\n${problems.map(problemText).join('\n')}`);
    this.name = 'PolicyError';
  }
}

/** Throws PolicyError; rejects as the file system does when a folder cannot be read. */
export async function openPolicySource(options: PolicySourceOptions): Promise<PolicySource> {
  const fingerprint = await fingerprintOf(options.folders);
  const loaded = await load(options);
  if (!loaded.ok) throw new PolicyError(loaded.problems);
  const source = new WatchedPolicies(options, loaded.bundle, fingerprint);
  if (options.folders.length > 0) source.watch(options.lookIntervalMs ?? policyLookIntervalMs);
  return source;
}

const load = ({ fixed, folders }: PolicySourceOptions) => readLibrary({ folders: [...fixed, ...folders] });

class WatchedPolicies implements PolicySource {
  readonly #options: PolicySourceOptions;
  readonly #metrics: ReturnType<typeof createMetrics>;
  readonly #listeners: (() => void)[] = [];
  #bundle: Bundle;
  #controls: ReadonlyMap<string, ControlMeta>;
  #loadedAtMs: number;
  #refusal: PolicyRefusal | undefined;
  /** Files that were decided about, for better or worse. */
  #decided: string;
  /** Files that the last look found, when they were others. */
  #found: string | undefined;
  #looking: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: PolicySourceOptions, bundle: Bundle, fingerprint: string) {
    this.#options = options;
    this.#metrics = createMetrics(options.registry, () => (this.#refusal === undefined ? 0 : 1));
    this.#bundle = bundle;
    this.#controls = metasOf(bundle);
    this.#loadedAtMs = options.now();
    this.#decided = fingerprint;
    this.#told(undefined);
  }

  watch(intervalMs: number): void {
    this.#timer = setInterval(() => void this.look(), intervalMs);
    this.#timer.unref();
  }

  current(): Bundle {
    return this.#bundle;
  }

  control(id: string): ControlMeta | undefined {
    return this.#controls.get(id);
  }

  loadedAtMs(): number {
    return this.#loadedAtMs;
  }

  refusal(): PolicyRefusal | undefined {
    return this.#refusal;
  }

  onChange(listener: () => void): void {
    this.#listeners.push(listener);
  }

  look(): Promise<void> {
    this.#looking ??= this.#look()
      .catch((error: unknown) => this.#unreadable(error))
      .finally(() => {
        this.#looking = undefined;
      });
    return this.#looking;
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    this.#listeners.length = 0;
    await this.#looking;
  }

  async #look(): Promise<void> {
    const { folders } = this.#options;
    const fingerprint = await fingerprintOf(folders);
    if (fingerprint === this.#decided) {
      this.#found = undefined;
      return;
    }
    if (fingerprint !== this.#found) {
      this.#found = fingerprint;
      return;
    }
    const loaded = await load(this.#options);
    // Changed while they were read: what was read may be half of one and half of the other.
    if ((await fingerprintOf(folders)) !== fingerprint) return;
    this.#decided = fingerprint;
    this.#found = undefined;
    if (loaded.ok) this.#take(loaded.bundle);
    else this.#refuse(loaded.problems);
  }

  #take(bundle: Bundle): void {
    this.#refusal = undefined;
    this.#metrics.loads.inc({ outcome: 'loaded' });
    const before = this.#bundle.version;
    if (bundle.version === before) return;
    this.#bundle = bundle;
    this.#controls = metasOf(bundle);
    this.#loadedAtMs = this.#options.now();
    this.#told(before);
    for (const listener of this.#listeners) listener();
  }

  /** Said once, however often it is found again. */
  #refuse(problems: readonly PolicyProblem[]): void {
    const texts = problems.map(problemText);
    const isKnown = this.#refusal?.problems.map(problemText).join('\n') === texts.join('\n');
    const sinceMs = this.#refusal?.sinceMs ?? this.#options.now();
    this.#refusal = { sinceMs, problems };
    if (isKnown) return;
    this.#metrics.loads.inc({ outcome: 'refused' });
    this.#options.logger.error({
      event: policyLog.refused,
      bundle: this.#bundle.version,
      count: texts.length,
      problems: texts.slice(0, maxLogged),
    });
  }

  /** Tried again at the next look. */
  #unreadable(error: unknown): void {
    const reason = error instanceof Error ? error.message : String(error);
    this.#decided = '';
    this.#refuse([{ code: 'bad-shape', file: this.#options.folders.join(', '), line: 1, column: 1, reason }]);
  }

  #told(before: string | undefined): void {
    const { version, controls, exceptions, notes } = this.#bundle;
    this.#options.logger.info({
      event: policyLog.loaded,
      bundle: version,
      before,
      controls: controls.length,
      exceptions: exceptions.length,
      notEvaluated: notes.slice(0, maxLogged).map(problemText),
    });
  }
}

const metasOf = ({ controls }: Bundle): ReadonlyMap<string, ControlMeta> =>
  new Map(controls.map(({ control }) => [control.meta.id, control.meta]));

/** Equal ones are the same files with the same content, as far as the file system tells. */
async function fingerprintOf(folders: readonly string[]): Promise<string> {
  const places = await Promise.all(folders.map(findPolicyFiles));
  const lines = await Promise.all(
    places.flat().map(async ({ file }) => {
      const { ino, size, mtimeMs, ctimeMs } = await stat(file);
      return `${file}\n${ino} ${size} ${mtimeMs} ${ctimeMs}`;
    }),
  );
  return `${folders.length}\n${lines.join('\n')}`;
}

function createMetrics(registry: Registry, refused: () => number) {
  return {
    loads: new Counter({
      name: 'driftline_policy_loads_total',
      help: 'Policy sets that were found in the folders after the start, by outcome: loaded, refused',
      labelNames: ['outcome'],
      registers: [registry],
    }),
    refused: new Gauge({
      name: 'driftline_policy_refused',
      help: '1 while the folders hold a policy set that is refused and an earlier one goes on',
      registers: [registry],
      collect() {
        this.set(refused());
      },
    }),
  };
}
