import type { Catalog } from '../../../src/commands/concert/catalog.ts';
import type { EventStore } from '../../../src/commands/core/event-store.ts';
import type { Result } from '../../../src/commands/core/result.ts';
import type { Sales } from '../../../src/commands/sales/sales.ts';
import { sessionCancelled } from '../../support/events.ts';
import { MemoryEventStore } from '../../support/memory-event-store.ts';
import { Audit } from './audit.ts';
import { cancelIn, catalogOf, salesOn } from './sale.ts';
import type { Turns } from './turns.ts';

export const sessionId = 's1';

/**
 * What can happen. `on` is the instance that does it, `as` the command's id: the same twice is a
 * duplicate.
 */
export type Step =
  | { do: 'reserve'; user: string; seats: readonly string[]; on: number; as: string }
  /**
   * `nth` of the reservations that were ever answered, by its owner or somebody; `part`: of an
   * order, its first seat's.
   */
  | { do: 'pay' | 'cancel'; user: string; nth: number; on: number; part: boolean }
  | { do: 'charge'; user: string; amount: number; key: string; on: number }
  | { do: 'sweep' | 'finish'; on: number }
  | { do: 'cancel-session'; on: number }
  | { do: 'clock'; ms: number }
  /** The instance dies at its `after`-th append from now, which was `written` or not. */
  | { do: 'crash'; on: number; after: number; written: boolean };

/**
 * How a step came out: its answer, `undefined` when its instance died first or there was nothing to
 * do.
 */
export type Outcome = Result<unknown> | undefined;

interface Instance {
  sales: Sales;
  store: EventStore;
  dead: boolean;
  dying: { after: number; written: boolean } | undefined;
}

/**
 * Several services on one log in memory. They share nothing else, may die between two appends, and
 * their clocks differ.
 */
export class World {
  readonly store: MemoryEventStore;
  readonly catalog: Catalog = catalogOf([sessionId], 4);
  /** Reservations in the order in which they were first answered. */
  readonly reservations: string[] = [];
  /** What happened, for people. */
  readonly history: string[] = [];
  nowMs = Date.parse('2027-01-01T12:00:00.000Z');
  readonly #audit = new Audit();
  #audited = 0;
  readonly #turns: Turns;
  readonly #skewsMs: readonly number[];
  readonly #instances: Instance[];
  readonly #change: (store: EventStore) => EventStore;

  /** @param change what is between the instances and the log: a control that takes a guard away */
  constructor(
    turns: Turns,
    skewsMs: readonly number[],
    change: (store: EventStore) => EventStore = (store) => store,
    store = new MemoryEventStore(),
  ) {
    this.store = store;
    this.#turns = turns;
    this.#skewsMs = skewsMs;
    this.#change = change;
    this.#instances = skewsMs.map((_, index) => this.#start(index));
  }

  /** What the log says now. The next call adds to it: steps that take time use `Audit.of`. */
  audit(): Audit {
    const { log } = this.store;
    for (const event of log.slice(this.#audited)) this.#audit.see(event);
    this.#audited = log.length;
    return this.#audit;
  }

  /**
   * Runs steps at the same time and gives turns until nothing moves; instances that died are
   * started again.
   */
  async run(...steps: readonly Step[]): Promise<Outcome[]> {
    const outcomes: Outcome[] = steps.map(() => undefined);
    const said = steps.map(() => 'no answer');
    steps.forEach((step, index) => {
      this.#do(step).then(
        (outcome) => {
          outcomes[index] = outcome;
          said[index] = describe(outcome);
          const id = step.do === 'reserve' && outcome?.ok ? reservationIn(outcome) : undefined;
          if (id !== undefined && !this.reservations.includes(id)) this.reservations.push(id);
        },
        (error: unknown) => {
          said[index] = `threw ${error}`;
          this.failures.push(`${step.do}: ${error instanceof Error ? error.stack : error}`);
        },
      );
    });
    const from = this.store.log.length;
    await this.#turns.drain();
    steps.forEach((step, index) => {
      const bar = steps.length === 1 ? '' : index === 0 ? '┌ ' : '│ ';
      this.history.push(`${bar}${JSON.stringify(step)} → ${said[index]}`);
    });
    for (const { type, stream } of this.store.log.slice(from)) {
      this.history.push(`    ${type} on ${stream}`);
    }
    // Every instance follows the concerts' streams.
    if (this.audit().cancelledSessions.has(sessionId)) cancelIn(this.catalog, sessionId);
    this.#instances.forEach((instance, index) => {
      if (!instance.dead) return;
      this.history.push(`  instance ${index} died and is started again`);
      this.#instances[index] = this.#start(index);
    });
    return outcomes;
  }

  /** Errors thrown at callers: nothing may throw while the log answers. */
  readonly failures: string[] = [];

  /** Everybody restarts, and the processes run until they find nothing more. */
  async recover(): Promise<void> {
    this.#instances.forEach((_, index) => {
      this.#instances[index] = this.#start(index);
    });
    for (let round = 0; round < 4 && this.audit().unresolved().length > 0; round++) {
      await this.run({ do: 'finish', on: 0 });
    }
  }

  #start(index: number): Instance {
    const never = new Promise<never>(() => {});
    const turns = this.#turns;
    const log = this.#change(this.store);
    const store: EventStore = {
      get epoch() {
        return log.epoch;
      },
      subscribe: (options) => log.subscribe(options),
      head: () => log.head(),
      reachable: (timeoutMs) => log.reachable(timeoutMs),
      close: () => log.close(),
      async append(...args) {
        await turns.wait();
        if (instance.dead) return never;
        const { dying } = instance;
        if (dying !== undefined && dying.after-- === 0) {
          instance.dead = true;
          if (dying.written) await log.append(...args);
          return never;
        }
        const answer = await log.append(...args);
        await turns.wait();
        return instance.dead ? never : answer;
      },
      async *readStream(...args) {
        await turns.wait();
        if (instance.dead) await never;
        yield* log.readStream(...args);
      },
      async *readBackwards(...args) {
        await turns.wait();
        if (instance.dead) await never;
        yield* log.readBackwards(...args);
      },
    };
    const now = () => this.nowMs + (this.#skewsMs[index] ?? 0);
    const onLeftOver = (what: string, error: unknown) => this.failures.push(`${what}: ${error}`);
    const sales = salesOn(store, this.catalog, { now, onLeftOver });
    const instance: Instance = { sales, store, dead: false, dying: undefined };
    return instance;
  }

  async #do(step: Step): Promise<Outcome> {
    const { sales, store } = this.#instances['on' in step ? step.on : 0] as Instance;
    const context = {
      commandId:
        step.do === 'reserve'
          ? `${step.as} ${step.user} ${step.seats}`
          : `step ${this.history.length}`,
    };
    switch (step.do) {
      case 'reserve':
        return sales.reserve({
          concertId: 'c1',
          sessionId,
          seatIds: step.seats,
          userId: step.user,
          context,
        });
      case 'pay':
      case 'cancel': {
        const id = this.reservations[step.nth % this.reservations.length];
        if (id === undefined) return undefined;
        const owner = this.audit().reservations.get(id)?.userId ?? '';
        const userId = step.user === 'owner' ? owner : step.user;
        const reservationId = step.part ? this.#firstPartOf(id) : id;
        return sales[step.do]({ userId, reservationId, context });
      }
      case 'charge': {
        const { user: userId, key: chargeId, amount } = step;
        return sales.charge({
          userId,
          chargeId,
          amount,
          context: { commandId: `charge ${chargeId}` },
        });
      }
      case 'sweep':
        return this.#sweep(sales, this.nowMs + (this.#skewsMs[step.on] ?? 0));
      case 'finish':
        return this.#finish(sales);
      case 'cancel-session':
        return this.#cancelSession(sales, store);
      case 'clock':
        this.nowMs += step.ms;
        return undefined;
      case 'crash':
        (this.#instances[step.on] as Instance).dying = { after: step.after, written: step.written };
        return undefined;
    }
  }

  #firstPartOf(id: string): string {
    const of = this.store.log.find(
      ({ type, data }) =>
        type === 'SeatReserved' && `order.${(data as { orderId?: string }).orderId}` === id,
    );
    return (of?.data as { reservationId: string } | undefined)?.reservationId ?? id;
  }

  /** What `processes/expire-holds.ts` does with the due rows of the read model. */
  async #sweep(sales: Sales, nowMs: number): Promise<undefined> {
    const { seats, orders } = Audit.of(this.store.log);
    for (const { soldTo, ...hold } of seats.values()) {
      if (soldTo !== undefined || hold.expiresAtMs > nowMs) continue;
      await sales.expire(hold.reservationId, { ...hold, currency: 'KRW' });
    }
    for (const { reservationId, expiresAtMs, status } of orders.values()) {
      const open = status === 'placed' || status === 'confirmed';
      if (open && expiresAtMs <= nowMs) await sales.expire(reservationId);
    }
  }

  /**
   * What `processes/recovery.ts` does with its lists, without waiting until work under way is
   * surely over.
   */
  async #finish(sales: Sales): Promise<undefined> {
    const audit = Audit.of(this.store.log);
    const { payments, orders, refundsOwed, cancelledSessions, seats } = audit;
    for (const payment of payments.values()) {
      if (payment.status === 'held') await sales.settlePayment(payment);
    }
    for (const { userId, reservationId, amount } of payments.values()) {
      if (!refundsOwed.has(reservationId) || reservationId.startsWith('order.')) continue;
      await sales.refund({ userId, reservationId, amount, currency: 'KRW' });
    }
    for (const { reservationId, status, settled } of orders.values()) {
      const kept = [...seats.values()].some(({ orderId }) => `order.${orderId}` === reservationId);
      const waits = status === 'placed' || (status !== 'confirmed' && !settled);
      if (waits || (status === 'ended' && kept)) await sales.settleOrder(reservationId);
    }
    if (cancelledSessions.size > 0) await this.#giveAllBack(sales, { seats, orders });
  }

  async #cancelSession(sales: Sales, store: EventStore): Promise<undefined> {
    const event = sessionCancelled(sessionId);
    const id = '00000000-0000-4000-8000-000000000001';
    const metadata = { schemaVersion: 1 };
    await store.append('concert-c1', 'no_stream', [{ id, event, metadata }]);
    cancelIn(this.catalog, sessionId);
    await this.#giveAllBack(sales, Audit.of(this.store.log));
  }

  async #giveAllBack(sales: Sales, { seats, orders }: Pick<Audit, 'seats' | 'orders'>) {
    for (const { reservationId, orderId } of seats.values()) {
      if (orderId === undefined) await sales.cancelForOrganiser(reservationId);
    }
    for (const { reservationId, status } of orders.values()) {
      if (status !== 'ended') await sales.cancelForOrganiser(reservationId);
    }
  }
}

const describe = (outcome: Outcome): string =>
  outcome === undefined ? 'done' : outcome.ok ? 'ok' : outcome.refusal.code;

export const reservationIn = (outcome: Outcome): string | undefined =>
  outcome?.ok ? (outcome.value as { reservationId?: string }).reservationId : undefined;
