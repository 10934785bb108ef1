/** The public API and the command line, as a person uses them. */
import type { ApiChange, ApiFinding, ApiObjectState, ApiPage, ApiStatus } from '@driftline/proto';
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { readerToken } from './rig.ts';

type Query = Readonly<Record<string, string>>;

export class Api {
  readonly #url: string;

  constructor(url: string) {
    this.#url = url;
  }

  async get<T>(path: string, query: Query = {}): Promise<T> {
    const answer = await fetch(`${this.#url}/api/v1/${path}?${new URLSearchParams(query).toString()}`, {
      headers: { authorization: `Bearer ${readerToken}` },
    });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`GET ${path}: ${answer.status} ${text}`);
    return JSON.parse(text) as T;
  }

  async all<T>(path: string, query: Query): Promise<readonly T[]> {
    const items: T[] = [];
    for (let cursor: string | null = ''; cursor !== null; ) {
      const page: ApiPage<T> = await this.get(path, { ...query, limit: '200', ...(cursor === '' ? {} : { cursor }) });
      items.push(...page.items);
      cursor = page.next;
    }
    return items;
  }

  changes(query: Query): Promise<readonly ApiChange[]> {
    return this.all('log', query);
  }

  findings(query: Query): Promise<readonly ApiFinding[]> {
    return this.all('findings', query);
  }

  states(query: Query): Promise<readonly ApiObjectState[]> {
    return this.all('objects', query);
  }

  status(): Promise<ApiStatus> {
    return this.get('status');
  }

  /** Runs the command line against this API. Not in this thread: the collector may live in it. */
  cli(...args: readonly string[]): Promise<CliAnswer> {
    const program = join(import.meta.dirname, '../../../cli/bin/driftline.mjs');
    const child = spawn(process.execPath, [program, ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { PATH: process.env['PATH'], DRIFTLINE_URL: this.#url, DRIFTLINE_TOKEN: readerToken },
    });
    let [stdout, stderr] = ['', ''];
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => (stdout += chunk));
    child.stderr.setEncoding('utf8').on('data', (chunk: string) => (stderr += chunk));
    return new Promise((resolve) => child.once('close', (status) => resolve({ status, stdout, stderr })));
  }
}

export type CliAnswer = { readonly status: number | null; readonly stdout: string; readonly stderr: string };

/** Asks until the answer fits. */
export async function eventually<T>(
  question: () => Promise<T>,
  fits: (answer: T) => boolean,
  what: string,
  timeoutMs = 120_000,
): Promise<T> {
  for (const endMs = Date.now() + timeoutMs; ; await sleep(200)) {
    const answer = await question();
    if (fits(answer)) return answer;
    if (Date.now() > endMs)
      throw new Error(`never: ${what}; the last answer: ${JSON.stringify(answer).slice(0, 2000)}`);
  }
}
