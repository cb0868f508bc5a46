import { randomUUID } from 'node:crypto';
import type { Catalog } from '../../../src/commands/concert/catalog.ts';
import type { EventStore } from '../../../src/commands/core/event-store.ts';
import type { Result } from '../../../src/commands/core/result.ts';
import type { HoldLimit } from '../../../src/commands/hold-limit/hold-limit.ts';
import type { Sales } from '../../../src/commands/sales/sales.ts';
import type { RecordedEvent } from '../../../src/events/codec.ts';
import { parseStream } from '../../../src/events/streams.ts';
import { connectEventStore } from '../../../src/infrastructure/eventstoredb.ts';
import { Audit } from './audit.ts';
import { readEvents } from './read-audit.ts';
import { catalogOf, salesOn } from './sale.ts';

/**
 * On a machine that is too busy to answer in time things are slow, and no outage: races are what is
 * tried here. In milliseconds.
 */
const patience = { answerMs: 20_000, appendTimeoutMs: 40_000, readTimeoutMs: 40_000 };

/** Services that share nothing but the log, for one test with a session and users of its own. */
export class Shops {
  readonly sessionId = `s-${randomUUID().slice(0, 8)}`;
  /** Errors of work after the answer: none is expected while the log is there. */
  readonly leftOver: string[] = [];
  /** Added to the clock, in milliseconds. */
  aheadMs = 0;
  readonly catalog: Catalog;
  readonly sales: readonly Sales[];
  readonly #stores: readonly EventStore[];

  /** @param seats in each of the sections A and B */
  constructor(
    url: string,
    options: {
      readonly instances: number;
      readonly seats: number;
      readonly holdMs?: number;
      readonly limit?: HoldLimit;
      readonly change?: (store: EventStore, index: number) => EventStore;
      /** How far ahead the n-th service's clock is, in milliseconds. */
      readonly skewMs?: (index: number) => number;
    },
  ) {
    const { instances, seats, change = (store: EventStore) => store, ...rest } = options;
    const { skewMs = () => 0 } = options;
    this.catalog = catalogOf([this.sessionId], seats);
    this.#stores = Array.from({ length: instances }, () => connectEventStore(url, patience));
    const onLeftOver = (what: string, error: unknown) => this.leftOver.push(`${what}: ${error}`);
    this.sales = this.#stores.map((store, index) =>
      salesOn(change(store, index), this.catalog, {
        now: () => Date.now() + this.aheadMs + skewMs(index),
        onLeftOver,
        ...rest,
      }),
    );
  }

  /** The n-th service, counted round and round. */
  at(n: number): Sales {
    return this.sales[n % this.sales.length] as Sales;
  }

  user(name: string | number): string {
    return `${this.sessionId}-${name}`;
  }

  async charge(user: string, amount: number): Promise<void> {
    const context = { commandId: randomUUID() };
    await this.at(0).charge({ userId: user, chargeId: 'start', amount, context });
  }

  reserve(n: number, userId: string, seatIds: readonly string[]) {
    const { sessionId } = this;
    const context = { commandId: randomUUID() };
    return this.at(n).reserve({ concertId: 'c1', sessionId, seatIds, userId, context });
  }

  /** Reserves and tells the reservation's id. @throws Error when it was refused */
  async held(n: number, userId: string, seatIds: readonly string[]): Promise<string> {
    const result = await this.reserve(n, userId, seatIds);
    if (!result.ok) throw new Error(`${seatIds}: ${result.refusal.detail}`);
    return result.value.reservationId;
  }

  pay(n: number, userId: string, reservationId: string) {
    return this.at(n).pay({ userId, reservationId, context: { commandId: randomUUID() } });
  }

  cancel(n: number, userId: string, reservationId: string) {
    return this.at(n).cancel({ userId, reservationId, context: { commandId: randomUUID() } });
  }

  /** What the log says of this test's session and users. */
  async audit(): Promise<Audit> {
    return Audit.of(await this.events());
  }

  /** The log's events of this test's session and users. */
  events(): Promise<readonly RecordedEvent[]> {
    const orders = new Set<string>();
    return readEvents(this.#stores[0] as EventStore, ({ stream, type, data }) => {
      const { sessionId } = data as { sessionId?: string };
      if (type === 'OrderPlaced' && sessionId === this.sessionId) orders.add(stream);
      return orders.has(stream) || this.#isOurs(stream);
    });
  }

  async close(): Promise<void> {
    await Promise.all(this.#stores.map((store) => store.close()));
  }

  #isOurs(stream: string): boolean {
    const name = parseStream(stream);
    if (name?.category === 'seat') return name.sessionId === this.sessionId;
    return name?.category === 'account' && name.userId.startsWith(`${this.sessionId}-`);
  }
}

/** How often each outcome came: `ok` or a refusal's code. */
export function count(results: readonly Result<unknown>[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const result of results) {
    const outcome = result.ok ? 'ok' : result.refusal.code;
    counts[outcome] = (counts[outcome] ?? 0) + 1;
  }
  return counts;
}
