/**
 * Counts what a batch would become before it becomes that. An empty message or manager is two bytes on the wire (and
 * next to none compressed) but an object in memory: without this look ahead a kilobyte could ask for a gigabyte.
 */
import type protobuf from 'protobufjs/minimal.js';
import { ProtocolError } from './error.ts';
import { maxManagerPathsPerBatch, maxManagersPerBatch, maxMessagesPerBatch } from './limits.ts';

const lengthDelimited = 2;
/** Field numbers of uplink.proto. */
const messagesOfBatch = 1;
const deltaOfMessage = 2;
const managersOfDelta = 9;
const pathsOfManager = 5;

type Counter = (reader: protobuf.Reader, end: number) => void;

/** Calls `each` with the reader at the start of every embedded field of that number; all others are skipped. */
const everyField =
  (field: number, each: Counter): Counter =>
  (reader, end) => {
    while (reader.pos < end) {
      const tag = reader.uint32();
      if (tag >>> 3 !== field || (tag & 7) !== lengthDelimited) {
        reader.skipType(tag & 7);
        continue;
      }
      const length = reader.uint32();
      const stop = reader.pos + length;
      if (stop > end) throw new ProtocolError('undecodable', 'a field reaches beyond the message that holds it');
      each(reader, stop);
      reader.pos = stop;
    }
  };

/** Reads the reader to its end. Throws 'too-large' beyond a limit, and what the reader throws at bytes it cannot read. */
export function countEntries(reader: protobuf.Reader): void {
  let messages = 0;
  let managers = 0;
  let paths = 0;
  const countPath = (): void => {
    if (++paths > maxManagerPathsPerBatch) throw tooMany(maxManagerPathsPerBatch, 'paths of field managers');
  };
  const pathsIn = everyField(pathsOfManager, countPath);
  const managersIn = everyField(managersOfDelta, (inner, end) => {
    if (++managers > maxManagersPerBatch) throw tooMany(maxManagersPerBatch, 'field managers');
    pathsIn(inner, end);
  });
  const deltasIn = everyField(deltaOfMessage, managersIn);
  const messagesIn = everyField(messagesOfBatch, (inner, end) => {
    if (++messages > maxMessagesPerBatch) throw tooMany(maxMessagesPerBatch, 'messages');
    deltasIn(inner, end);
  });
  messagesIn(reader, reader.len);
}

function tooMany(limit: number, what: string): ProtocolError {
  return new ProtocolError('too-large', `a batch holds at most ${limit} ${what}`);
}
