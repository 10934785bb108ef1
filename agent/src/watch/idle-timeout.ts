import type { KubeStream } from '../kube/kube-client.ts';
import { KubeError } from '../kube/kube-error.ts';

/**
 * The stream's bytes; KubeError 'timeout' when the other side sends none for so long while we are waiting for some.
 * While the reader is busy with what it has, time does not count: backpressure is not silence. `onAsked` is called when
 * the reader asks for more, and what it returns when there turned out to be nothing to read yet; looking for that takes
 * two turns of the event loop, and is left out where it returns nothing.
 */
export async function* withIdleTimeout(
  stream: KubeStream,
  idleTimeoutMs: number,
  onAsked?: () => (() => void) | undefined,
): AsyncGenerator<Buffer> {
  let isWaiting = true;
  let asked = 0;
  function ask(): void {
    const turn = ++asked;
    const onEmpty = onAsked?.();
    if (onEmpty === undefined) return;
    afterReading(() => isWaiting && turn === asked && onEmpty());
  }
  const timer = setTimeout(onSilence, idleTimeoutMs);
  function onSilence(): void {
    const turn = asked;
    // It may be this process that stood still, and the bytes are there.
    afterReading(() => {
      if (isWaiting && turn === asked) stream.destroy(new KubeError('timeout', `no byte for ${idleTimeoutMs} ms`));
      else timer.refresh();
    });
  }
  try {
    ask();
    for await (const chunk of stream.chunks) {
      isWaiting = false;
      yield chunk;
      isWaiting = true;
      timer.refresh();
      ask();
    }
  } finally {
    clearTimeout(timer);
    stream.destroy();
  }
}

/** Between two such turns the event loop reads what the kernel holds. */
function afterReading(then: () => void): void {
  setImmediate(() => setImmediate(then));
}
