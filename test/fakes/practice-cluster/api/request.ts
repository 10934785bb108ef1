import type { Attributes, Caller } from '../access/caller.ts';
import type { JsonObject } from '../object/json.ts';

/** A request, whether it came over HTTP or from an actor inside this program. */
export type ApiRequest = {
  readonly method: string;
  /** Path with query. */
  readonly url: string;
  /** Names in lower case. */
  readonly headers: { readonly [name: string]: string | undefined };
  readonly body: string;
  readonly sourceIps: readonly string[];
  /** Set by actors inside this program; over HTTP the bearer token decides. */
  readonly caller?: Caller;
  /** Skips the authoriser: for actors that stand for whoever has the right. */
  readonly isTrusted?: boolean;
};

/** Where a watch writes. `write` answers false when the reader is behind; `onDrain` then calls once it caught up. */
export type WatchOutput = {
  write: (text: string) => boolean;
  onDrain: (callback: () => void) => void;
  onClose: (callback: () => void) => void;
  end: () => void;
};

export type Reply =
  | {
      readonly type: 'object';
      readonly status: number;
      readonly object: JsonObject;
      readonly warnings?: readonly string[];
    }
  | {
      readonly type: 'text';
      readonly status: number;
      readonly contentType: string;
      readonly text: string;
      readonly headers?: { readonly [name: string]: string };
    }
  | { readonly type: 'watch'; readonly contentType: string; readonly start: (output: WatchOutput) => void };

/** A request that has been understood: who, what, and its parameters. */
export type Call = {
  readonly request: ApiRequest;
  readonly attributes: Attributes;
  readonly query: URLSearchParams;
  readonly caller: Caller;
};

export const objectReply = (object: JsonObject, status = 200): Reply => ({ type: 'object', status, object });

export const textReply = (text: string, status = 200): Reply => ({
  type: 'text',
  status,
  contentType: 'text/plain; charset=utf-8',
  text,
});
