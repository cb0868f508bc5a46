/**
 * The work's result. After `ms` milliseconds, the result or error of `late` instead. The work
 * itself continues, but its later result is dropped.
 * @param signal ends the wait earlier, with a rejection by the signal's reason
 */
export async function within<T, Late>(
  ms: number,
  work: Promise<T>,
  late: () => Late,
  signal?: AbortSignal,
): Promise<T | Late> {
  let timer: NodeJS.Timeout | undefined;
  let onAbort = () => {};
  const over = new Promise<void>((resolve, reject) => {
    timer = setTimeout(resolve, Math.max(0, ms));
    onAbort = () => reject(signal?.reason);
    if (signal?.aborted) onAbort();
    signal?.addEventListener('abort', onAbort, { once: true });
  }).then(late);
  try {
    return await Promise.race([work, over]);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', onAbort);
  }
}

/** The work's value; undefined if it fails, or takes longer than `ms` milliseconds. */
export const valueWithin = <T>(ms: number, work: Promise<T>): Promise<T | undefined> =>
  within(
    ms,
    work.catch(() => undefined),
    () => undefined,
  );
