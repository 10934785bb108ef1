/**
 * Hosts a real ClickHouse HTTP server from libchdb.so in this process: clickhouse-local's main, reached through the
 * library's exported C function. The call blocks until the last query ends, which is when standard input closes; that
 * binds this process to its parent's life even when the parent is killed. On top of it the kernel is asked to terminate
 * this process with its parent, because closing standard input alone waits seconds for idle keep-alive sockets.
 *
 * Arguments: <parent pid> <package with the library> <port file> <clickhouse-local arguments…>. Engine errors go to standard error.
 */
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
// koffi cannot replace ffi-rs here: it swaps the stack, which ClickHouse takes for too deep a recursion.
import { DataType, load, open } from 'ffi-rs';

const PR_SET_PDEATHSIG = 1;
const SIGTERM = 15;

const [parentPid = '', libraryPackage = '', portFile = '', ...serverArguments] = process.argv.slice(2);
endWithParent(Number(parentPid));
runServer([
  ...serverArguments,
  '--query',
  [
    'SYSTEM START LISTEN HTTP',
    `SELECT getServerPort('http_port') INTO OUTFILE '${portFile}' TRUNCATE FORMAT TSV`,
    "SELECT count() FROM file('-', LineAsString) FORMAT Null",
  ].join('; '),
]);

function endWithParent(expectedParentPid: number): void {
  open({ library: 'libc', path: 'libc.so.6' });
  load({
    library: 'libc',
    funcName: 'prctl',
    retType: DataType.I32,
    paramsType: [DataType.I32, DataType.I32],
    paramsValue: [PR_SET_PDEATHSIG, SIGTERM],
  });
  if (process.ppid !== expectedParentPid) process.exit(1);
}

function runServer(argumentsOfServer: readonly string[]): void {
  const packageFile = createRequire(import.meta.url).resolve(`${libraryPackage}/package.json`);
  const argv = ['clickhouse', ...argumentsOfServer];
  open({ library: 'chdb', path: join(dirname(packageFile), 'libchdb.so') });
  load({
    library: 'chdb',
    funcName: 'chdb_query_cmdline',
    // The result's error must not be read as a string: it is NULL on some paths, which would crash.
    retType: DataType.External,
    paramsType: [DataType.I32, DataType.StringArray],
    paramsValue: [argv.length, argv],
  });
}
