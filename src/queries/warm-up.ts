import type { ReadSide } from './read-side.ts';

/** Seats loaded before the first request; what is beyond is loaded when first asked for. */
const seatsMax = 200_000;
/** Longest time that starting waits for it, in milliseconds. */
const warmUpMs = 5_000;

/**
 * Has the read side load what the first buyers will ask for: on-sale night begins with all of them at once, and each
 * first look at a session would wait for PostgreSQL. What cannot be loaded now is loaded when it is asked for.
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
