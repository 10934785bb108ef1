import type { Attributes, Caller } from '../access/caller.ts';
import { StatusError } from '../status-error.ts';

export type Failure = {
  /** How many matching requests fail. Default 1. */
  readonly count?: number;
  /** HTTP status; 0 cuts the connection instead of answering. */
  readonly status: number;
  readonly retryAfterSeconds?: number;
  readonly message?: string;
  /** Which requests; all of them when absent. */
  readonly matches?: (attributes: Attributes, caller: Caller) => boolean;
};

const reasons: { readonly [status: number]: string } = {
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'NotFound',
  409: 'Conflict',
  410: 'Expired',
  429: 'TooManyRequests',
  500: 'InternalError',
  503: 'ServiceUnavailable',
  504: 'Timeout',
};

/** Thrown instead of an answer: the connection is cut. */
export class CutConnection extends Error {}

/** Requests that are made to fail, for tests. */
export class Failures {
  #planned: { failure: Failure; left: number }[] = [];

  plan(failure: Failure): void {
    this.#planned.push({ failure, left: failure.count ?? 1 });
  }

  clear(): void {
    this.#planned = [];
  }

  /** Throws when this request was chosen to fail. */
  check(attributes: Attributes, caller: Caller): void {
    const chosen = this.#planned.find(
      ({ failure, left }) => left > 0 && failure.matches?.(attributes, caller) !== false,
    );
    if (chosen === undefined) return;
    chosen.left -= 1;
    this.#planned = this.#planned.filter(({ left }) => left > 0);
    const { status, retryAfterSeconds, message = `practice cluster: planned failure ${status}` } = chosen.failure;
    if (status === 0) throw new CutConnection('practice cluster: planned cut');
    throw new StatusError(
      status,
      reasons[status] ?? 'InternalError',
      message,
      retryAfterSeconds === undefined ? {} : { retryAfterSeconds },
    );
  }
}
