import type { KubeStream } from '../kube/kube-client.ts';
import { KubeError } from '../kube/kube-error.ts';

/**
 * The stream's bytes; KubeError 'timeout' when the other side sends none for so long while we are waiting for some.
 * While the reader is busy with what it has, time does not count: backpressure is not silence.
 */
export async function* withIdleTimeout(stream: KubeStream, idleTimeoutMs: number): AsyncGenerator<Buffer> {
  let isWaiting = true;
  const timer = setTimeout(onSilence, idleTimeoutMs);
  function onSilence(): void {
    if (isWaiting) stream.destroy(new KubeError('timeout', `no byte for ${idleTimeoutMs} ms`));
    else timer.refresh();
  }
  try {
    for await (const chunk of stream.chunks) {
      isWaiting = false;
      yield chunk;
      isWaiting = true;
      timer.refresh();
    }
  } finally {
    clearTimeout(timer);
    stream.destroy();
  }
}
