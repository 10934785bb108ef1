/** References to objects between domain and wire form. */
import type { driftline } from './gen/uplink.js';
import type { ObjectRef } from './message.ts';
import { wellFormed } from './wire-value.ts';

type WireRef = driftline.v1.ObjectRef.$Properties;

export function refToWire(ref: ObjectRef): WireRef {
  return wellFormed(ref);
}

export function refFromWire(wire: WireRef): ObjectRef {
  return {
    group: wire.group ?? '',
    resource: wire.resource ?? '',
    kind: wire.kind ?? '',
    namespace: wire.namespace ?? '',
    name: wire.name ?? '',
    uid: wire.uid ?? '',
  };
}
