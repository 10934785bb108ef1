import { ProtocolError } from '@driftline/proto';
import { captureObject } from '../capture/capture.ts';

/** An object that cannot be captured must not stop its kind. */
export function tryCapture(
  ...[observation, ports]: Parameters<typeof captureObject>
): ReturnType<typeof captureObject> {
  try {
    return captureObject(observation, ports);
  } catch (error) {
    if (error instanceof ProtocolError) return { type: 'unreadable', reason: error.message };
    if (error instanceof RangeError) return { type: 'unreadable', reason: 'nested too deeply' };
    throw error;
  }
}
