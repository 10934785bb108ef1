import type { ApiRecord } from '@driftline/proto';

/** As the log names it. */
export function changeIdOf({ epoch, order }: ApiRecord): string {
  return `${epoch}:${order[1]}${order[2] === 0 ? '' : `.${order[2]}`}`;
}
