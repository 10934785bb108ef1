/** What the API answers when it cannot answer: a closed code, the HTTP status that goes with it, a sentence for people. */

export type ProblemCode =
  | 'bad-request'
  | 'unauthenticated'
  | 'forbidden'
  | 'not-found'
  | 'query-limit'
  | 'too-many-requests'
  | 'store-unavailable'
  | 'internal';

const statusOf: Readonly<Record<ProblemCode, number>> = {
  'bad-request': 400,
  unauthenticated: 401,
  forbidden: 403,
  'not-found': 404,
  'query-limit': 422,
  'too-many-requests': 429,
  'store-unavailable': 503,
  internal: 500,
};

export class Problem extends Error {
  readonly code: ProblemCode;
  readonly status: number;
  constructor(code: ProblemCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'Problem';
    this.code = code;
    this.status = statusOf[code];
  }
}
