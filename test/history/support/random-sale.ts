import { randomUUID } from 'node:crypto';
import { cancelIn, catalogOf, holdMs, salesOn } from '../../correctness/support/sale.ts';
import { randomInts } from '../../projections/support/history.ts';
import { MemoryEventStore } from '../../support/memory-event-store.ts';

export const sessionId = 's1';

/** What came of a sale at random: its log, and every reservation that was answered. */
export interface RandomSale {
  readonly store: MemoryEventStore;
  readonly reservations: readonly string[];
}

/**
 * Users charge, reserve one seat or several, pay, cancel and let holds run out, one after another.
 */
export async function randomSale(seed: number, steps: number): Promise<RandomSale> {
  const random = randomInts(seed);
  const store = new MemoryEventStore();
  const catalog = catalogOf([sessionId], 3);
  let nowMs = Date.UTC(2027, 0, 1);
  const sales = salesOn(store, catalog, { now: () => nowMs });
  const reservations: string[] = [];
  const users = ['u1', 'u2', 'u3'];
  const context = () => ({
    commandId: randomUUID(),
    correlationId: `request-${random(1_000_000)}`,
  });
  const one = <T>(list: readonly T[]): T => list[random(list.length)] as T;
  for (const userId of users) {
    await sales.charge({ userId, chargeId: 'c', amount: 10_000, context: context() });
  }
  for (let step = 0; step < steps; step += 1) {
    const userId = one(users);
    const reservationId = one(reservations);
    switch (random(6)) {
      case 0:
      case 1: {
        const seats = ['A-1-1', 'A-1-2', 'A-1-3'].slice(0, 1 + random(3)).slice(random(2));
        const seatIds = seats.length > 0 ? seats : ['B-1-1'];
        const request = { concertId: 'c1', sessionId, seatIds, userId, context: context() };
        const reserved = await sales.reserve(request);
        if (reserved.ok) reservations.push(reserved.value.reservationId);
        break;
      }
      case 2:
      case 3:
        if (reservationId) await sales.pay({ userId, reservationId, context: context() });
        break;
      case 4:
        if (reservationId) await sales.cancel({ userId, reservationId, context: context() });
        break;
      default:
        nowMs += holdMs / 3;
        for (const id of reservations) await sales.expire(id);
    }
  }
  cancelIn(catalog, sessionId);
  for (const id of reservations) await sales.cancelForOrganiser(id);
  return { store, reservations: [...new Set(reservations)] };
}
