import type { ReadSide } from './read-side.ts';

/** Seats that are loaded before the first request. Other seats are loaded at their first read. */
const seatsMax = 200_000;
/** Longest time that the start waits for the load, in milliseconds. */
const warmUpMs = 5_000;

/**
 * Loads the lists that the first buyers will read. When sales open, all buyers come at once, and
 * the first read of each session would wait for PostgreSQL. If a list cannot be loaded now, it is
 * loaded at its first read.
 */
export async function warmUp(
  reads: Pick<ReadSide, 'concerts' | 'sessions' | 'seats'>,
  sessions: Iterable<{
    readonly concertId: string;
    readonly sessionId: string;
    readonly prices: ReadonlyMap<string, number>;
  }>,
): Promise<void> {
  const endMs = performance.now() + warmUpMs;
  let seats = 0;
  await reads.concerts();
  for (const { concertId, sessionId, prices } of sessions) {
    seats += prices.size;
    if (seats > seatsMax || performance.now() > endMs) return;
    await reads.sessions(concertId);
    await reads.seats(concertId, sessionId);
  }
}
