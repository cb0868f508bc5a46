import { setTimeout as delay } from 'node:timers/promises';

/**
 * Polls, each 10 ms unless told, until `condition` is truthy (neither false nor undefined, null, 0
 * or '') and returns its value.
 * @throws Error naming `what` when `deadlineMs` passed, with what the condition last threw as its
 *   cause. The default is for what must happen, on however busy a machine; how soon it must happen
 *   is an assertion of its own.
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
