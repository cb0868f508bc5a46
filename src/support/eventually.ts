import { setTimeout as delay } from 'node:timers/promises';

/**
 * Polls until `condition` is truthy (not false, undefined, null, 0 or ''), by default each 10 ms.
 * Returns its value.
 * @throws Error that names `what` after `deadlineMs`, with the last error of the condition as its
 * cause. The default deadline is long enough for a very busy machine. To check how soon something
 * happens, use a separate assertion.
 */
export async function eventually<T>(
  what: string,
  condition: () => T | Promise<T>,
  deadlineMs = 20_000,
  pollMs = 10,
): Promise<NonNullable<T>> {
  const deadline = Date.now() + deadlineMs;
  let cause: unknown;
  for (;;) {
    try {
      const value = await condition();
      if (value) return value;
      cause = undefined;
    } catch (error) {
      cause = error;
    }
    if (Date.now() >= deadline) throw new Error(`not within ${deadlineMs} ms: ${what}`, { cause });
    await delay(pollMs);
  }
}
