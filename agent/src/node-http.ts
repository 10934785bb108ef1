import type * as nodeHttp from 'node:http';

/**
 * Node's HTTP module, had without an import: an import reads every member of it, and one of them (WebSocket) loads Node's
 * own fetch client, 4 MiB that the agent never uses.
 */
export const http: typeof nodeHttp = process.getBuiltinModule('node:http');
