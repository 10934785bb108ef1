/**
 * Audit events as managed clusters give them: EKS by way of CloudWatch Logs, GKE by way of Cloud Logging, AKS by way of
 * an Event Hub. Each envelope is opened to audit.k8s.io events; what is in it beside audit events is left out. What these
 * forms cannot give is said in README.md beside this file.
 */
import { gunzipSync } from 'node:zlib';
import { isJsonArray, isJsonObject, ownObject, ownString, ownValue } from '@driftline/proto';
import type { Json, JsonObject } from '@driftline/proto';
import { eventOfLogEntry } from './gke-log-entry.ts';
import type { RawAuditEvent } from './record-audit.ts';

export type CloudForm = 'eks' | 'gke' | 'aks';

/** The events, or the sentence that says why the envelope cannot be opened. */
export type OpenedEnvelope = readonly RawAuditEvent[] | string;

/** `limitBytes`: what compressed parts may come to. */
export function openCloudEnvelope(form: CloudForm, envelope: Json, limitBytes: number): OpenedEnvelope {
  switch (form) {
    case 'eks':
      return openCloudWatch(envelope, { bytes: limitBytes });
    case 'gke':
      return openCloudLogging(envelope);
    case 'aks':
      return openEventHub(envelope);
  }
}

/** Many deliveries of one envelope share what may be unpacked. */
type Room = { bytes: number };

/**
 * A subscription's payload as it is, as Lambda hands it over (`awslogs.data`), or as Firehose posts it
 * (`records[].data`): the last two in Base64 of gzip.
 */
function openCloudWatch(envelope: Json, room: Room): OpenedEnvelope {
  if (!isJsonObject(envelope)) return 'the envelope is not a JSON object';
  const records = ownValue(envelope, 'records');
  const packed = ownString(ownObject(envelope, 'awslogs'), 'data');
  if (isJsonArray(records)) {
    return gather(records, (record) => openPacked(isJsonObject(record) ? ownString(record, 'data') : '', room));
  }
  if (packed !== '') return openPacked(packed, room);
  const events = ownValue(envelope, 'logEvents');
  if (!isJsonArray(events)) return 'neither records, awslogs.data nor logEvents: not a CloudWatch Logs payload';
  // Control messages say that the subscription works. The log group holds other components' streams, too.
  if (ownString(envelope, 'messageType') === 'CONTROL_MESSAGE') return [];
  const stream = ownString(envelope, 'logStream');
  if (stream !== '' && !stream.startsWith('kube-apiserver-audit')) return [];
  return events.map((event) => eventOfText(isJsonObject(event) ? ownString(event, 'message') : ''));
}

function openPacked(base64: string, room: Room): OpenedEnvelope {
  const bytes = Buffer.from(base64, 'base64');
  if (bytes.length === 0) return 'a record without data';
  try {
    const isZipped = bytes[0] === 0x1f && bytes[1] === 0x8b;
    const plain = isZipped ? gunzipSync(bytes, { maxOutputLength: Math.max(1, room.bytes) }) : bytes;
    room.bytes -= plain.length;
    const inner = JSON.parse(plain.toString('utf8')) as Json;
    // One layer only: what is packed in packed data is none of ours.
    const isPlain = isJsonObject(inner) && isJsonArray(ownValue(inner, 'logEvents'));
    return isPlain ? openCloudWatch({ ...inner, records: null, awslogs: null }, room) : 'a record that is no payload';
  } catch {
    return 'a record that cannot be unpacked within the limit';
  }
}

/** Log entries: one, a list, `entries`, or the message of a Pub/Sub push subscription. */
function openCloudLogging(envelope: Json): OpenedEnvelope {
  const entries = isJsonObject(envelope) ? ownValue(envelope, 'entries') : envelope;
  return isJsonArray(entries) ? gather(entries, openLogMessage) : openLogMessage(envelope);
}

function openLogMessage(message: Json): OpenedEnvelope {
  if (!isJsonObject(message)) return 'a log entry that is not a JSON object';
  const data = ownString(ownObject(message, 'message'), 'data');
  if (data === '') return openLogEntry(message);
  try {
    const entry = JSON.parse(Buffer.from(data, 'base64').toString('utf8')) as Json;
    return isJsonObject(entry) ? openLogEntry(entry) : 'a message that is no log entry';
  } catch {
    return 'a message that is not JSON';
  }
}

function openLogEntry(entry: JsonObject): OpenedEnvelope {
  const payload = ownObject(entry, 'protoPayload');
  if (payload === undefined) return 'a log entry without protoPayload';
  if (ownString(payload, 'serviceName') !== 'k8s.io') return [];
  return [{ type: 'parsed', json: eventOfLogEntry(entry, payload), bytes: JSON.stringify(entry).length }];
}

/** Records of diagnostic settings, as they come from an Event Hub or lie in a storage account. */
function openEventHub(envelope: Json): OpenedEnvelope {
  const records = isJsonObject(envelope) ? ownValue(envelope, 'records') : envelope;
  if (!isJsonArray(records)) return 'the envelope has no records';
  return gather(records, (record) => {
    if (!isJsonObject(record)) return 'a record that is not a JSON object';
    if (!['kube-audit', 'kube-audit-admin'].includes(ownString(record, 'category'))) return [];
    const properties = ownObject(record, 'properties');
    const log = properties === undefined ? undefined : ownValue(properties, 'log');
    if (isJsonObject(log)) return [{ type: 'parsed', json: log, bytes: JSON.stringify(log).length }];
    return [eventOfText(typeof log === 'string' ? log : '')];
  });
}

function eventOfText(text: string): RawAuditEvent {
  const bytes = Buffer.byteLength(text);
  try {
    return { type: 'parsed', json: JSON.parse(text) as Json, bytes };
  } catch {
    return { type: 'unreadable', reason: 'the message is not valid JSON: services cut long ones', bytes };
  }
}

/** What cannot be opened among many is accounted for and does not hold up the rest. */
function gather(parts: readonly Json[], open: (part: Json) => OpenedEnvelope): readonly RawAuditEvent[] {
  return parts.flatMap((part) => {
    const opened = open(part);
    return typeof opened === 'string' ? [{ type: 'unreadable', reason: opened, bytes: 0 } as const] : opened;
  });
}
