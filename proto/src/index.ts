export * from './api.ts';
export * from './api-status.ts';
export { applyPatch, valueAt } from './apply-patch.ts';
export * from './audit-event.ts';
export * from './canonical.ts';
export * from './clock.ts';
export * from './codec.ts';
export * from './error.ts';
export * from './field-path.ts';
export * from './frames.ts';
export * from './identity.ts';
export {
  isJsonArray,
  isJsonObject,
  jsonEqual,
  mapItems,
  mapMembers,
  ownObject,
  ownString,
  ownValue,
  setOwn,
} from './json.ts';
export * from './kind-digest.ts';
export * from './kind-names.ts';
export * from './limits.ts';
export * from './message.ts';
export * from './patch.ts';
export * from './patch-operation.ts';
export { parsePointer, pointer } from './pointer.ts';
export { isRedacted, mayHoldMarker, redact, redactAudit } from './redact.ts';
export * from './sequence.ts';
export * from './timestamp.ts';
