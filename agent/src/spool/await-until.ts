/** @param waitMs undefined waits for ever */
export async function awaitUntil(event: Promise<void>, waitMs: number | undefined): Promise<void> {
  if (waitMs === undefined) return event;
  const elapsed = Promise.withResolvers<void>();
  const timer = setTimeout(elapsed.resolve, Math.max(0, waitMs));
  await Promise.race([event, elapsed.promise]);
  clearTimeout(timer);
}
