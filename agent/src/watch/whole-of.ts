import type { Delta, Json } from '@driftline/proto';
import { isJsonObject } from '@driftline/proto';
import { captureWhole, place } from '../capture/capture.ts';
import type { ApiKind } from '../kube/api-kind.ts';
import type { KnownObject, ObjectName } from '../known/known.ts';
import { serverStampUs } from './commit-floor.ts';

/** The last form of an object as a snapshot. All that is known of its time is what the API server wrote into it. */
export function wholeOf(kind: ApiKind, name: ObjectName, known: KnownObject): Delta {
  const whole = captureWhole({ ...place(kind, name.namespace, name.name), uid: known.uid }, known);
  const object = JSON.parse(whole.full ?? '{}') as Json;
  return { ...whole, notBeforeUs: isJsonObject(object) ? serverStampUs(object) : 0 };
}
