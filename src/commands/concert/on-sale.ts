import { noConcert, noSession, type Result, refuse } from '../core/result.ts';
import type { Catalog } from './catalog.ts';

/** Seats with their prices, on sale now. */
export interface OnSale {
  readonly currency: string;
  readonly seats: readonly { readonly seatId: string; readonly price: number }[];
}

/**
 * The requested seats, if the catalog allows their sale now. Needs no query and no read of the log.
 */
export function onSale(
  catalog: Catalog,
  asked: {
    readonly concertId: string;
    readonly sessionId: string;
    readonly seatIds: readonly string[];
  },
  { nowMs, seatsMax }: { readonly nowMs: number; readonly seatsMax: number },
): Result<OnSale> {
  const { concertId, sessionId, seatIds } = asked;
  const session = catalog.session(sessionId);
  if (session === undefined || session.concertId !== concertId) {
    return catalog.concert(concertId) === undefined
      ? noConcert(concertId)
      : noSession(sessionId, concertId);
  }
  if (session.cancelled) return refuse('session-cancelled', 'the session was cancelled');
  if (nowMs < session.salesOpenAtMs || nowMs >= session.startsAtMs) {
    const [open, close] = [session.salesOpenAtMs, session.startsAtMs];
    const sales = `${new Date(open).toISOString()} to ${new Date(close).toISOString()}`;
    return refuse('sales-not-open', `on sale from ${sales}`);
  }
  if (seatIds.length > seatsMax) {
    return refuse('too-many-seats', `an order may have at most ${seatsMax} seats`);
  }
  const seats = [];
  for (const seatId of seatIds) {
    const price = session.prices.get(seatId);
    if (price === undefined) return refuse('seat-not-found', `no seat ${seatId} in this session`);
    seats.push({ seatId, price });
  }
  return { ok: true, value: { currency: session.currency, seats }, position: null };
}
