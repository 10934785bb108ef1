/** Messages of the timeline's log lines; structured fields carry the rest. */
export const logEvents = {
  serverStarted: 'embedded ClickHouse started',
  serverStopped: 'embedded ClickHouse stopped',
  serverDied: 'embedded ClickHouse ended by itself',
  serverWaiting: 'waiting for the previous embedded ClickHouse to end',
  migrationApplied: 'timeline migration applied',
  insertRetried: 'timeline insert failed, trying again',
  insertRecovered: 'timeline insert succeeded after retries',
  insertRefused: 'timeline insert refused by the store',
  unfinishedRowsFound: 'rows of an unfinished batch found, completing it',
  unfinishedRowsDiffer: 'rows of an unfinished batch differ from what was derived again; the stored ones count',
} as const;
