import { Catalog } from '../../../src/commands/concert/catalog.ts';
import type { EventStore } from '../../../src/commands/core/event-store.ts';
import type { HoldLimit } from '../../../src/commands/hold-limit/hold-limit.ts';
import { Sales, type SalesParts } from '../../../src/commands/sales/sales.ts';
import type { StoredEvent } from '../../../src/events/codec.ts';
import { concertRegistered, sessionCancelled, sessionScheduled } from '../../support/events.ts';

/** A hold lasts so long in these tests, in milliseconds. */
export const holdMs = 300_000;
export const startsAt = '2099-01-01T00:00:00.000Z';
/** Sold seats are refunded until so long before the session, in milliseconds. */
export const refundCutoffMs = 86_400_000;

/** Seats of section A cost this much, those of B the other. */
export const prices = { A: 100, B: 70 } as const;

/** Events that put a session with seats `A-1-1 … A-1-<n>` and `B-1-1 … B-1-<n>` on sale. */
export function sessionEvents(sessionId: string, seats: number) {
  const rows = [{ row: '1', seats: Array.from({ length: seats }, (_, i) => i + 1) }];
  return [
    concertRegistered('One'),
    sessionScheduled({
      sessionId,
      startsAt,
      salesOpenAt: '2020-01-01T00:00:00.000Z',
      sections: [
        { section: 'A', price: prices.A, rows },
        { section: 'B', price: prices.B, rows },
      ],
    }),
  ] as const;
}

/** A catalog of one concert `c1` with these sessions, each with `seats` seats in A and in B. */
export function catalogOf(sessionIds: readonly string[], seats: number): Catalog {
  const catalog = new Catalog();
  for (const id of sessionIds) for (const event of sessionEvents(id, seats)) apply(catalog, event);
  return catalog;
}

/** Takes the session off sale in this catalog. */
export const cancelIn = (catalog: Catalog, sessionId: string): void =>
  apply(catalog, sessionCancelled(sessionId));

function apply(catalog: Catalog, event: object): void {
  catalog.apply({ stream: 'concert-c1', ...event } as StoredEvent);
}

/** Counts nothing: for tests of something else than the limit. */
export const noLimit: HoldLimit = {
  take: async () => true,
  withdraw: async () => {},
  end: async () => {},
};

/**
 * One service's commands, composed as `src/serve/compose.ts` does; several of them share nothing
 * but the log.
 */
export function salesOn(
  store: EventStore,
  catalog: Catalog,
  options: {
    readonly now?: () => number;
    readonly earliest?: () => number;
    readonly limit?: HoldLimit;
    readonly bought?: SalesParts['bought'];
    readonly holdMs?: number;
    readonly onLeftOver?: (what: string, error: unknown) => void;
  } = {},
): Sales {
  return new Sales({
    store,
    catalog,
    limit: options.limit ?? noLimit,
    bought: options.bought,
    settings: {
      holdMs: options.holdMs ?? holdMs,
      refundCutoffMs,
      orderSeatsMax: 4,
      currency: 'KRW',
    },
    now: options.now ?? Date.now,
    ...(options.earliest === undefined ? {} : { earliest: options.earliest }),
    onLeftOver: options.onLeftOver ?? (() => {}),
  });
}
