import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import type { EventStore } from '../../../src/commands/core/event-store.ts';
import type { Result } from '../../../src/commands/core/result.ts';
import { eventually } from '../../support/eventually.ts';
import { type TestEventStore, testEventStore } from '../../support/servers.ts';
import type { Audit } from './audit.ts';
import { holdMs, prices } from './sale.ts';
import { Shops } from './shops.ts';

const instances = 3;
/** Races of each kind; under way at the same time: 50. */
export const races = 1_000;
const atOnce = 50;

/**
 * The last service's clock says that the holds are over, the others' that they are not: their
 * appends race.
 */
export const sweeper = instances - 1;
export const skewMs = (index: number) => (index === sweeper ? holdMs + 1_000 : 0);

/** Shops of one event store, closed after each test; to be called in a suite. */
export function shopsOnOneLog(): (
  options: Partial<ConstructorParameters<typeof Shops>[1]>,
) => Shops {
  let server: TestEventStore;
  let shops: Shops | undefined;
  before(async () => {
    server = await testEventStore();
  });
  afterEach(() => shops?.close());
  after(() => server.stop());
  return (options) => {
    shops = new Shops(server.url, { instances, seats: 50, ...options });
    return shops;
  };
}

export interface Raced {
  readonly user: string;
  readonly id: string;
  readonly paid: Result<unknown>;
  /** How what was done against the payment came out. */
  readonly other: Result<unknown>;
}

export const answerOf = (result: Result<unknown>): unknown =>
  result.ok ? result.value : result.refusal;

/** The first service's appends of some kind wait for the log until they are released. */
export function stuckAt(isMeant: (stream: string, types: readonly string[]) => boolean) {
  let release = () => {};
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  const waiting: string[] = [];
  const change = (store: EventStore, index: number): EventStore => ({
    ...store,
    async append(...args) {
      const types = args[2].map(({ event }) => event.type);
      if (index === 0 && isMeant(args[0], types)) {
        waiting.push(args[0]);
        await released;
      }
      return store.append(...args);
    },
  });
  return { change, waiting, release: () => release() };
}

/** How often money was let go for each reason. */
export async function releaseReasons(shop: Shops): Promise<Record<string, number>> {
  const reasons: Record<string, number> = {};
  for (const { type, data } of await shop.events()) {
    if (type !== 'PaymentReleased') continue;
    const { reason } = data as { reason: string };
    reasons[reason] = (reasons[reason] ?? 0) + 1;
  }
  return reasons;
}

/**
 * Pays a reservation and does something `against` it at the same time, again and again with other
 * seats and users.
 */
export async function race(
  shop: Shops,
  options: {
    readonly rounds?: number;
    readonly seatsOf?: (n: number) => string[];
    /** Which service pays; default another one each time. */
    readonly payOn?: (i: number) => number;
    readonly against: (id: string, i: number, user: string) => Promise<Result<unknown>>;
  },
): Promise<Raced[]> {
  const { rounds = races, seatsOf = (n) => [`A-1-${n}`], payOn = (i) => i } = options;
  const raced: Raced[] = [];
  /** How long the slowest payment of the last batch took, in milliseconds. */
  let payMs = atOnce;
  for (let first = 0; first < rounds; first += atOnce) {
    shop.aheadMs = 0;
    const batch = Array.from({ length: atOnce }, (_, i) => first + i);
    const held = await Promise.all(
      batch.map(async (i) => {
        const user = shop.user(i);
        const price = seatsOf(i + 1).length === 1 ? prices.A : prices.A + prices.B;
        await shop.charge(user, price);
        return { i, user, id: await shop.held(payOn(i), user, seatsOf(i + 1)) };
      }),
    );
    const tookMs: number[] = [];
    const ended = held.map(async ({ i, user, id }) => {
      // Where in the payment the other one comes changes from race to race, however fast the
      // machine is.
      const later = sleep((payMs * (i % atOnce)) / atOnce);
      const fromMs = performance.now();
      const [paid, other] = await Promise.all([
        shop.pay(payOn(i), user, id).finally(() => tookMs.push(performance.now() - fromMs)),
        later.then(() => options.against(id, i, user)),
      ]);
      return { user, id, paid, other };
    });
    raced.push(...(await Promise.all(ended)));
    payMs = Math.max(...tookMs);
  }
  return raced;
}

/** The log once all that follows an answer has followed: nothing wrong in it, nothing half way. */
export async function settled(shop: Shops): Promise<Audit> {
  const audit = await eventually(
    'everything has followed',
    async () => {
      const now = await shop.audit();
      expect(now.unresolved()).to.deep.equal([]);
      return now;
    },
    20_000,
  );
  expect(audit.violations).to.deep.equal([]);
  expect(shop.leftOver).to.deep.equal([]);
  return audit;
}
