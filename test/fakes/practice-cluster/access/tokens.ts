import { createHmac, timingSafeEqual } from 'node:crypto';
import { isObject, type JsonObject } from '../object/json.ts';
import { type Caller, callerOf } from './caller.ts';

export type TokenUser = { readonly user: string; readonly groups?: readonly string[] };

/**
 * Bearer tokens: fixed ones, and ones this cluster signs (TokenRequest, kubeconfigs). Signed tokens carry everything
 * needed to check them, so they survive a restart with the same key.
 */
export class Tokens {
  readonly #fixed: ReadonlyMap<string, TokenUser>;
  readonly #key: string;
  readonly #now: () => number;

  constructor(options: { fixed: Readonly<Record<string, TokenUser>>; key: string; now: () => number }) {
    this.#fixed = new Map(Object.entries(options.fixed));
    this.#key = options.key;
    this.#now = options.now;
  }

  /** The caller of a token, or undefined when it is unknown, forged or expired. */
  authenticate(token: string): Caller | undefined {
    const fixed = this.#fixed.get(token);
    if (fixed !== undefined) return callerOf(fixed.user, fixed.groups);
    const [header, payload, signature] = token.split('.');
    if (header !== head || payload === undefined || signature === undefined) return undefined;
    const expected = Buffer.from(this.#sign(payload));
    const given = Buffer.from(signature);
    if (expected.length !== given.length || !timingSafeEqual(expected, given)) return undefined;
    const claims: unknown = JSON.parse(Buffer.from(payload, 'base64url').toString());
    if (!isObject(claims) || typeof claims['sub'] !== 'string') return undefined;
    if (typeof claims['exp'] === 'number' && claims['exp'] * 1000 <= this.#now()) return undefined;
    const groups = Array.isArray(claims['groups']) ? claims['groups'].map(String) : [];
    return { ...callerOf(claims['sub'], groups), uid: typeof claims['uid'] === 'string' ? claims['uid'] : '' };
  }

  /** A token for `user`; without `expiresInS` it does not expire. */
  issue(user: TokenUser & { uid?: string; expiresInS?: number }): string {
    const issuedAt = Math.floor(this.#now() / 1000);
    const claims: JsonObject = {
      iss: 'https://kubernetes.default.svc.cluster.local',
      sub: user.user,
      iat: issuedAt,
      ...(user.groups === undefined ? {} : { groups: [...user.groups] }),
      ...(user.uid === undefined ? {} : { uid: user.uid }),
      ...(user.expiresInS === undefined ? {} : { exp: issuedAt + user.expiresInS }),
    };
    const payload = Buffer.from(JSON.stringify(claims)).toString('base64url');
    return `${head}.${payload}.${this.#sign(payload)}`;
  }

  #sign(payload: string): string {
    return createHmac('sha256', this.#key).update(`${head}.${payload}`).digest('base64url');
  }
}

const head = Buffer.from('{"alg":"HS256","typ":"JWT"}').toString('base64url');
