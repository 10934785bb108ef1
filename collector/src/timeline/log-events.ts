/** Messages of the timeline's log lines; structured fields carry the rest. */
export const logEvents = {
  serverStarted: 'embedded ClickHouse started',
  serverStopped: 'embedded ClickHouse stopped',
  serverDied: 'embedded ClickHouse ended by itself',
  serverRestartFailed: 'embedded ClickHouse could not be started again, trying on',
  serverWaiting: 'waiting for the previous embedded ClickHouse to end',
  storeAwaited:
    'the store is away or refuses: nothing is taken from agents until it can be used; check its address, user and grants',
  migrationApplied: 'timeline migration applied',
  insertRetried: 'timeline insert failed, trying again',
  insertRecovered: 'timeline insert succeeded after retries',
  insertRefused: 'timeline insert refused by the store: check migrations and grants; trying on',
  streamRefused: 'a batch does not continue its stream: the cluster is to be recovered',
  runningInsertsUnseen: 'running inserts cannot be seen: grant the writer SELECT ON system.processes',
  claimsUnrenewed: 'claims of clusters could not be renewed, trying on',
  unfinishedRowsFound: 'rows of an unfinished batch found, completing it',
} as const;
