import { connectEventStore } from '../infrastructure/eventstoredb.ts';
import type { Acknowledged } from './buyers.ts';

/**
 * Acknowledged facts that are missing in the log, one line each.
 * @throws Error when the log cannot be read
 */
export async function missingFacts(url: string, told: Acknowledged): Promise<string[]> {
  const reserved = new Map<string, unknown>();
  const sold = new Map<string, unknown>();
  const store = connectEventStore(url);
  const done = new AbortController();
  try {
    const log = store.subscribe({ after: null, prefixes: ['seat-'], signal: done.signal });
    for await (const message of log) {
      if (message.kind === 'caught-up') break;
      if (message.kind !== 'event') continue;
      const { type, data } = message.event;
      const { reservationId, userId } = data as Record<string, string>;
      if (type === 'SeatReserved') reserved.set(reservationId as string, userId);
      if (type === 'SeatSold') sold.set(reservationId as string, userId);
    }
  } finally {
    done.abort();
    await store.close();
  }
  const missing = (facts: ReadonlyMap<string, string>, log: ReadonlyMap<string, unknown>) =>
    [...facts].filter(([id, userId]) => log.get(id) !== userId).map(([id]) => id);
  return [
    ...missing(told.reservations, reserved).map((id) => `reservation ${id}`),
    ...missing(told.payments, sold).map((id) => `payment of ${id}`),
  ];
}
