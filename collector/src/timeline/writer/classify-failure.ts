/**
 * What a failed store call means. By ClickHouse's error code, never by message text: an answer with one of the codes
 * below will be the same next time; everything else (network, overload, timeout, no space, restart) may pass.
 */
import { ClickHouseError } from '@clickhouse/client';
import { TimelineError } from '../timeline-error.ts';

export type StoreOutcome<T> =
  | { readonly outcome: 'success'; readonly value: T }
  | { readonly outcome: 'retryable'; readonly cause: unknown }
  | { readonly outcome: 'refused'; readonly cause: unknown };

/** https://github.com/ClickHouse/ClickHouse/blob/master/src/Common/ErrorCodes.cpp */
const refusals: ReadonlySet<string> = new Set([
  '6', // CANNOT_PARSE_TEXT
  '10', // NOT_FOUND_COLUMN_IN_BLOCK
  '16', // NO_SUCH_COLUMN_IN_TABLE
  '20', // NUMBER_OF_COLUMNS_DOESNT_MATCH
  '36', // BAD_ARGUMENTS
  '43', // ILLEGAL_TYPE_OF_ARGUMENT
  '44', // ILLEGAL_COLUMN
  '46', // UNKNOWN_FUNCTION
  '47', // UNKNOWN_IDENTIFIER
  '48', // NOT_IMPLEMENTED
  '50', // UNKNOWN_TYPE
  '53', // TYPE_MISMATCH
  '60', // UNKNOWN_TABLE
  '62', // SYNTAX_ERROR
  '70', // CANNOT_CONVERT_TYPE
  '73', // UNKNOWN_FORMAT
  '81', // UNKNOWN_DATABASE
  '115', // UNKNOWN_SETTING
  '117', // INCORRECT_DATA
  '164', // READONLY
  '192', // UNKNOWN_USER
  '193', // WRONG_PASSWORD
  '194', // REQUIRED_PASSWORD
  '291', // DATABASE_ACCESS_DENIED
  '452', // SETTING_CONSTRAINT_VIOLATION
  '497', // ACCESS_DENIED
  '516', // AUTHENTICATION_FAILED
]);

export async function attempt<T>(call: () => Promise<T>): Promise<StoreOutcome<T>> {
  try {
    return { outcome: 'success', value: await call() };
  } catch (cause) {
    return { outcome: isRefusal(cause) ? 'refused' : 'retryable', cause };
  }
}

export function isRefusal(cause: unknown): boolean {
  if (cause instanceof TimelineError) return !cause.retryable;
  return cause instanceof ClickHouseError && refusals.has(cause.code);
}
