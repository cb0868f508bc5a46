import { randomUUID } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';
import fc from 'fast-check';
import { Catalog } from '../../../src/commands/concert/catalog.ts';
import type { EventStore } from '../../../src/commands/core/event-store.ts';
import type { Result } from '../../../src/commands/core/result.ts';
import { decode } from '../../../src/events/codec.ts';
import type { DomainEvent } from '../../../src/events/events.ts';
import { concertRegistered, sessionScheduled } from '../../support/events.ts';
import { holdMs, salesOn } from './sale.ts';

/** The dearest seats that a catalog may have, free ones, and ordinary ones. */
const prices = { D: 1_000_000_000_000, F: 0, O: 100 } as const;
const sessionId = 'constructor';
const startsAtMs = Date.parse('9999-12-31T23:59:59.999Z');

/** Users as the API takes them. */
const user = fc.constantFrom('0', '_', 'a'.repeat(64), '__proto__');
const seat = fc.constantFrom('D-1-1', 'D-1-99999', 'F-1-1', 'O-1-1');
const amount = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.constantFrom(1, 10 ** 12, 2 ** 52, 2 ** 53 - 1, 2 ** 53 - 1 - 10 ** 12),
  },
  { weight: 1, arbitrary: fc.constantFrom(0, -1, 0.5, 2 ** 53, Number.NaN, 1e300, -0) },
);
const step = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constant('charge' as const), user, amount, key: fc.nat(9) }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('reserve' as const),
      user,
      seats: fc.uniqueArray(seat, { minLength: 1, maxLength: 3 }),
    }),
  },
  /** `nth` of the reservations; `organiser`: whoever's it is. */
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constantFrom('pay' as const, 'cancel' as const, 'organiser' as const),
      nth: fc.nat(3),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('clock' as const),
      ms: fc.constantFrom(
        holdMs,
        startsAtMs - Date.UTC(2030) - 1,
        startsAtMs - Date.UTC(2030) - holdMs,
      ),
    }),
  },
);
export const nastySteps = fc.array(step, { minLength: 1, maxLength: 9 });
type Step = (typeof nastySteps extends fc.Arbitrary<infer Steps> ? Steps : never)[number];

/** Runs them one after another on a log of their own, and what follows them. */
export async function runNastySteps<Store extends EventStore>(
  steps: readonly Step[],
  store: Store,
) {
  const catalog = new Catalog();
  await open(store, catalog);
  let nowMs = Date.UTC(2030);
  const failures: string[] = [];
  const onLeftOver = (what: string, error: unknown) => failures.push(`${what}: ${error}`);
  const sales = salesOn(store, catalog, { now: () => nowMs, onLeftOver });
  const results: Result<unknown>[] = [];
  const reservations: { id: string; userId: string }[] = [];
  for (const [n, step] of steps.entries()) {
    const context = { commandId: `${n}` };
    if (step.do === 'clock') {
      nowMs = Math.min(nowMs + step.ms, startsAtMs - 1);
    } else if (step.do === 'charge') {
      const { user: userId, amount, key } = step;
      results.push(await sales.charge({ userId, amount, chargeId: `${key}`, context }));
    } else if (step.do === 'reserve') {
      const { user: userId, seats: seatIds } = step;
      const result = await sales.reserve({ concertId: '7', sessionId, seatIds, userId, context });
      results.push(result);
      if (result.ok) reservations.push({ id: result.value.reservationId, userId });
    } else {
      const found = reservations[step.nth % reservations.length];
      if (found === undefined) continue;
      const { id: reservationId, userId } = found;
      results.push(
        step.do === 'organiser'
          ? await sales.cancelForOrganiser(reservationId)
          : await sales[step.do]({ userId, reservationId, context }),
      );
    }
    // What follows the answer.
    await setImmediate();
  }
  if (failures.length > 0) throw new Error(failures.join('\n'));
  return results;
}

async function open(store: EventStore, catalog: Catalog): Promise<void> {
  const sections = Object.entries(prices).map(([section, price]) => ({
    section,
    price,
    rows: [{ row: '1', seats: section === 'D' ? [1, 99_999] : [1] }],
  }));
  const data = {
    sessionId,
    startsAt: new Date(startsAtMs).toISOString(),
    salesOpenAt: '0001-01-01T00:00:00.000Z',
    sections,
  };
  const events: DomainEvent[] = [concertRegistered('One'), sessionScheduled(data)];
  const metadata = { schemaVersion: 1 };
  const news = events.map((event) => ({ id: randomUUID(), event, metadata }));
  await store.append('concert-7', 'no_stream', news);
  for await (const event of store.readStream('concert-7')) catalog.apply(decode(event));
}
