import { createHash } from 'node:crypto';
import { type Actor, ActorError } from '../actor.ts';
import { type Clock, secondsText } from '../clock.ts';
import type { KubeObject } from '../object/kube-object.ts';

export type EventText = { readonly reason: string; readonly message: string; readonly component: string };

/** Reports what happened to an object, as controllers do. Losing an Event is nobody's failure. */
export const reportEvent = (me: Actor, about: KubeObject, event: EventText, clock: Clock): void => {
  const namespace = about.metadata.namespace ?? 'default';
  const now = secondsText(clock.now());
  const { name, uid, resourceVersion } = about.metadata;
  const suffix = createHash('sha256')
    .update(`${event.message} ${resourceVersion} ${clock.now()}`)
    .digest('hex')
    .slice(0, 16);
  try {
    me.create({
      apiVersion: 'v1',
      kind: 'Event',
      metadata: { name: `${name.slice(0, 200)}.${suffix}`, namespace },
      involvedObject: {
        apiVersion: about.apiVersion,
        kind: about.kind,
        ...(about.metadata.namespace === undefined ? {} : { namespace }),
        name,
        uid,
        resourceVersion,
      },
      reason: event.reason,
      message: event.message,
      type: 'Normal',
      count: 1,
      firstTimestamp: now,
      lastTimestamp: now,
      source: { component: event.component },
      reportingComponent: event.component,
      reportingInstance: '',
    });
  } catch (error) {
    if (!(error instanceof ActorError)) throw error;
  }
};
