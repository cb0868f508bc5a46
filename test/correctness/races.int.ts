import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import type { EventStore } from '../../src/commands/core/event-store.ts';
import type { Result } from '../../src/commands/core/result.ts';
import { InProcessHoldLimit } from '../../src/shared-state/in-process-hold-limit.ts';
import { eventually } from '../support/eventually.ts';
import { type TestEventStore, testEventStore } from '../support/servers.ts';
import type { Audit } from './support/audit.ts';
import { ignoringRevision } from './support/ignoring-revision.ts';
import { holdMs, prices } from './support/sale.ts';
import { count, Shops } from './support/shops.ts';

const instances = 3;
/** Races of each kind; under way at the same time: 50. */
const races = 1_000;
const cancelRaces = 300;
const atOnce = 50;

describe('races over services that share nothing but the log', function () {
  this.timeout(300_000);
  let server: TestEventStore;
  let shops: Shops | undefined;
  const open = (options: Partial<ConstructorParameters<typeof Shops>[1]>): Shops => {
    shops = new Shops(server.url, { instances, seats: 50, ...options });
    return shops;
  };
  before(async () => {
    server = await testEventStore();
  });
  afterEach(() => shops?.close());
  after(() => server.stop());

  /**
   * The last service's clock says that the holds are over, the others' that they are not: their
   * appends race.
   */
  const sweeper = instances - 1;
  const skewMs = (index: number) => (index === sweeper ? holdMs + 1_000 : 0);
  const payAgainstExpire = (shop: Shops, rounds: number) =>
    race(shop, {
      rounds,
      payOn: (i) => i % sweeper,
      against: (id) => shop.at(sweeper).expire(id),
    });

  const payAgainstCancel = (shop: Shops, rounds: number) =>
    race(shop, { rounds, against: (id, i, user) => shop.cancel(i + 1, user, id) });

  it('pay against expire, 1,000 times: one wins, never both, never neither', async () => {
    const shop = open({ seats: races, skewMs });
    const outcomes = await payAgainstExpire(shop, races);
    const audit = await settled(shop);
    const ends = { captured: 0, released: 0, 'nothing held': 0 };
    for (const { user, id, paid } of outcomes) {
      const status = audit.payments.get(`pay.${id}`)?.status ?? 'nothing held';
      ends[status as keyof typeof ends] += 1;
      expect(status === 'captured', `${id}: ${status}`).to.equal(paid.ok);
      const seat = audit.seats.get(`${shop.sessionId}/${id.split('.')[1]}`);
      expect(seat?.soldTo, id).to.equal(paid.ok ? `pay.${id}` : undefined);
      const balance = paid.ok ? 0 : prices.A;
      expect(audit.accounts.get(user), id).to.deep.equal({ balance, held: 0 });
    }
    console.log(`      ${JSON.stringify(ends)}`);
    expect(ends.captured + ends.released + ends['nothing held']).to.equal(races);
    expect(ends.captured, 'payments that won').to.be.greaterThan(20);
    expect(ends.released, 'payments that held money and lost').to.be.greaterThan(20);
  });

  it('negative control: without the expected revision both win', async () => {
    const shop = open({ seats: 200, skewMs, change: ignoringRevision });
    await payAgainstExpire(shop, 200);
    expect((await shop.audit()).violations.length).to.be.greaterThan(0);
  });

  it('pay against cancel, 300 times: paid and refunded, or cancelled and released', async () => {
    const shop = open({ seats: cancelRaces });
    const outcomes = await payAgainstCancel(shop, cancelRaces);
    const audit = await settled(shop);
    expect(audit.seats.size, 'seats still taken').to.equal(0);
    const ends = { refunded: 0, released: 0, 'nothing held': 0 };
    for (const { user, id, paid, other } of outcomes) {
      const status = audit.payments.get(`pay.${id}`)?.status ?? 'nothing held';
      ends[status as keyof typeof ends] += 1;
      // Either the payment came first and was given back, or there never was one.
      const first = {
        status: paid.ok ? 'refunded' : 'cancelled',
        refunded: paid.ok ? prices.A : 0,
      };
      expect(other.ok && other.value, `${id}: ${status}`).to.include(first);
      if (!paid.ok) expect(paid.refusal.code, id).to.equal('already-released');
      expect(status === 'refunded', `${id}: ${status}`).to.equal(paid.ok);
      expect(audit.accounts.get(user), id).to.deep.equal({ balance: prices.A, held: 0 });
      expect(await shop.cancel(0, user, id), 'again').to.have.deep.property(
        'value',
        answerOf(other),
      );
    }
    console.log(`      ${JSON.stringify(ends)}`);
    expect(ends.refunded + ends.released + ends['nothing held']).to.equal(cancelRaces);
    expect(ends.refunded, 'payments that won').to.be.greaterThan(20);
    expect(ends.released, 'payments that held money and lost').to.be.greaterThan(20);
    const reasons = await releaseReasons(shop);
    expect(reasons).to.deep.equal({ cancelled: ends.released });
  });

  it('negative control: without the expected revision paid and cancelled seats disagree', async () => {
    const shop = open({ seats: 200, change: ignoringRevision });
    await payAgainstCancel(shop, 200);
    expect((await shop.audit()).violations.length).to.be.greaterThan(0);
  });

  it('an order’s payment against its end, 200 times: all its seats or none', async () => {
    const shop = open({ seats: 200, skewMs });
    const outcomes = await race(shop, {
      rounds: 200,
      seatsOf: (n) => [`A-1-${n}`, `B-1-${n}`],
      payOn: (i) => i % sweeper,
      against: (id, i, user) =>
        i % 3 === 0 ? shop.at(sweeper).expire(id) : shop.cancel((i + 1) % sweeper, user, id),
    });
    const audit = await settled(shop);
    const price = prices.A + prices.B;
    const ends: Record<string, number> = {};
    for (const { user, id, paid } of outcomes) {
      const order = audit.orders.get(id.slice('order.'.length));
      const end = order?.reason ?? order?.status ?? 'none';
      ends[end] = (ends[end] ?? 0) + 1;
      expect(['paid', 'refunded'].includes(end), `${id}: ${end}`).to.equal(paid.ok);
      const balance = end === 'paid' ? 0 : price;
      expect(audit.accounts.get(user), id).to.deep.equal({ balance, held: 0 });
    }
    console.log(`      ${JSON.stringify(ends)}`);
    const paidFirst = (ends.paid ?? 0) + (ends.refunded ?? 0);
    expect(paidFirst, 'payments that won').to.be.greaterThan(5);
    expect(outcomes.length - paidFirst, 'payments that lost').to.be.greaterThan(5);
  });

  // What somebody who clicks twice without an Idempotency-Key sends.
  it('the same order twice at once, without a key: both are answered with one reservation', async () => {
    const shop = open({});
    for (let n = 1; n <= 50; n++) {
      const seats = [`A-1-${n}`, `B-1-${n}`];
      const user = shop.user(n);
      const clicks = await Promise.all([
        shop.reserve(n, user, seats),
        shop.reserve(n + (n % 2), user, [...seats].reverse()),
        shop.reserve(n + 1, user, seats),
      ]);
      const ids = clicks.map((click) =>
        click.ok ? click.value.reservationId : click.refusal.code,
      );
      expect(new Set(ids).size, `order ${n}: ${ids.join()}`).to.equal(1);
      expect(ids[0], `order ${n}`).to.match(/^order\./);
    }
    const audit = await settled(shop);
    for (const [name, { orderId }] of audit.seats) {
      expect(audit.orders.get(orderId ?? '')?.status, name).to.equal('confirmed');
    }
    expect(audit.seats.size).to.equal(100);
  });

  it('the same order while the first request of it is stuck half way is finished, not refused', async () => {
    const { change, waiting, release } = stuckAt((stream) => stream.endsWith('/B-1-1'));
    const shop = open({ change });
    const user = shop.user('clicker');
    const first = shop.reserve(0, user, ['A-1-1', 'B-1-1']);
    await eventually('the first has one seat of two', () => waiting.length === 1);
    const second = await shop.reserve(1, user, ['B-1-1', 'A-1-1']);
    release();
    const answers = [answerOf(await first), answerOf(second)] as { reservationId: string }[];
    expect(count([await first, second])).to.deep.equal({ ok: 2 });
    expect(answers[1]?.reservationId).to.equal(answers[0]?.reservationId);
    expect((await settled(shop)).seats.size).to.equal(2);
  });

  it('the same order twice at once for a seat that is gone: both are refused, and nothing is kept', async () => {
    const shop = open({});
    for (let n = 1; n <= 50; n++) {
      await shop.held(n, shop.user('other'), [`B-1-${n}`]);
      const seats = [`A-1-${n}`, `B-1-${n}`];
      const clicks = [0, 1].map((i) => shop.reserve(n + i, shop.user(n), seats));
      expect(count(await Promise.all(clicks)), `order ${n}`).to.deep.equal({ 'seat-taken': 2 });
    }
    const audit = await settled(shop);
    const owners = [...audit.seats.values()].map(({ userId }) => userId);
    expect(owners).to.deep.equal(new Array(50).fill(shop.user('other')));
  });

  for (const payments of [5, 50]) {
    // Public failure: five payments of one user at once debited one.
    it(`${payments} payments of one user at once debit ${payments}`, async () => {
      const shop = open({});
      const user = shop.user('rich');
      await shop.charge(user, payments * prices.A);
      const ids = [];
      for (let n = 1; n <= payments; n++) ids.push(await shop.held(n, user, [`A-1-${n}`]));
      const paid = await Promise.all(ids.map((id, i) => shop.pay(i, user, id)));
      expect(count(paid)).to.deep.equal({ ok: payments });
      const audit = await settled(shop);
      expect(audit.accounts.get(user)).to.deep.equal({ balance: 0, held: 0 });
      const sold = [...audit.seats.values()].filter(({ soldTo }) => soldTo !== undefined);
      expect(sold.length).to.equal(payments);
    });
  }

  it('50 payments of one user at once with money for 20: 20 are paid, 30 refused, never below zero', async () => {
    const shop = open({});
    const user = shop.user('poor');
    await shop.charge(user, 20 * prices.A + 30);
    const ids = [];
    for (let n = 1; n <= 50; n++) ids.push(await shop.held(n, user, [`A-1-${n}`]));
    const paid = await Promise.all(ids.map((id, i) => shop.pay(i, user, id)));
    expect(count(paid)).to.deep.equal({ ok: 20, 'balance-too-small': 30 });
    const audit = await settled(shop);
    expect(audit.accounts.get(user)).to.deep.equal({ balance: 30, held: 0 });
  });

  // Public failure: a reservation paid twice.
  it('a reservation paid 20 times at once is debited once, and every answer is the same', async () => {
    const shop = open({});
    const user = shop.user('clicker');
    await shop.charge(user, 1_000);
    for (const seats of [['A-1-1'], ['A-1-2', 'B-1-2']]) {
      const id = await shop.held(0, user, seats);
      const paid = await Promise.all(Array.from({ length: 20 }, (_, i) => shop.pay(i, user, id)));
      const answers = new Set(paid.map((result) => JSON.stringify(result.ok && result.value)));
      expect(answers.size, [...answers].join()).to.equal(1);
      expect(count(paid)).to.deep.equal({ ok: 20 });
    }
    const audit = await settled(shop);
    expect(audit.payments.size).to.equal(2);
    expect(audit.accounts.get(user)).to.deep.equal({ balance: 1_000 - 270, held: 0 });
  });

  it('orders of the same seats, listed the other way round: one gets them all, the other none', async () => {
    const shop = open({});
    for (let n = 1; n <= 50; n++) {
      const seats = [`A-1-${n}`, `B-1-${n}`];
      const results = await Promise.all([
        shop.reserve(n, shop.user('first'), seats),
        shop.reserve(n + 1, shop.user('second'), [...seats].reverse()),
      ]);
      expect(count(results), `pair ${n}`).to.deep.equal({ ok: 1, 'seat-taken': 1 });
    }
    const audit = await settled(shop);
    for (let n = 1; n <= 50; n++) {
      const [a, b] = ['A', 'B'].map((section) =>
        audit.seats.get(`${shop.sessionId}/${section}-1-${n}`),
      );
      expect(a?.orderId, `pair ${n}`).to.be.a('string').and.equal(b?.orderId);
    }
  });

  // Public failure: thousands of seats left held because nothing swept them.
  it('a hold that is over gives way to the next buyer with the sweeper dead, one seat or of an order', async () => {
    const shop = open({});
    const left = ['A-1-1', 'A-1-2', 'A-1-3', 'A-1-4'];
    await shop.held(0, shop.user('gone'), [left[0] as string]);
    await shop.held(0, shop.user('gone'), left.slice(1));
    const early = await Promise.all(left.map((id, i) => shop.reserve(i, shop.user('next'), [id])));
    expect(count(early)).to.deep.equal({ 'seat-taken': 4 });
    shop.aheadMs = holdMs + 1_000;
    expect((await shop.reserve(1, shop.user('next'), left.slice(0, 2))).ok).to.equal(true);
    expect((await shop.reserve(2, shop.user('next'), left.slice(2, 3))).ok).to.equal(true);
    const audit = await settled(shop);
    const owners = [...audit.seats].map(([name, { userId }]) => [name.split('/')[1], userId]);
    expect(new Map(owners as [string, string][])).to.deep.equal(
      new Map(left.slice(0, 3).map((id) => [id, shop.user('next')])),
    );
  });

  it('50 reservations of one user at once get no further than the limit of held seats', async () => {
    const limit = new InProcessHoldLimit(8);
    const shop = open({ limit });
    const user = shop.user('greedy');
    const results = await Promise.all(
      Array.from({ length: 50 }, (_, i) => shop.reserve(i, user, [`A-1-${i + 1}`])),
    );
    expect(count(results)).to.deep.equal({ ok: 8, 'too-many-seats': 42 });
    expect((await shop.audit()).seats.size).to.equal(8);
  });

  it('asking in vain for seats that one holds does not make room for more', async () => {
    const shop = open({ limit: new InProcessHoldLimit(4) });
    const user = shop.user('sly');
    await shop.held(0, shop.user('other'), ['B-1-1']);
    for (let n = 1; n <= 4; n++) await shop.held(n, user, [`A-1-${n}`]);
    // Refused, because B-1-1 is somebody else's; A-1-1 is held all the same.
    const vain = await shop.reserve(0, user, ['A-1-1', 'B-1-1']);
    expect(vain.ok).to.equal(false);
    expect(count([await shop.reserve(1, user, ['A-1-5'])])).to.deep.equal({ 'too-many-seats': 1 });
  });

  // Public failure: a price taken from the client's body.
  it('the price is the catalog’s, whatever the client sends along', async () => {
    const shop = open({});
    const user = shop.user('cheap');
    await shop.charge(user, 1_000);
    const command = {
      concertId: 'c1',
      sessionId: shop.sessionId,
      seatIds: ['A-1-1', 'B-1-1'],
      userId: user,
      context: { commandId: 'cheap' },
      price: 1,
      amount: 1,
    };
    const reserved = await shop.at(0).reserve(command);
    if (!reserved.ok) throw new Error(reserved.refusal.detail);
    const { reservationId } = reserved.value;
    const payment = { userId: user, reservationId, context: { commandId: 'pay' }, amount: 1 };
    const paid = await shop.at(1).pay(payment);
    expect(paid.ok && paid.value).to.include({ amount: 170, balance: 830 });
  });

  // Public failure: a lock whose time ran out while its holder waited.
  it('a payment whose hold runs out while it waits for the log gets seat and pays, or neither', async () => {
    const { change, waiting, release } = stuckAt((_, types) => types.includes('SeatSold'));
    const shop = open({ change });
    const slow = shop.user('slow');
    await shop.charge(slow, 1_000);
    const taken = await shop.held(0, slow, ['A-1-1']);
    const kept = await shop.held(0, slow, ['A-1-2']);
    const paying = [taken, kept].map((id) => shop.pay(0, slow, id));
    await eventually('both sales wait for the log', () => waiting.length === 2);
    shop.aheadMs = holdMs + 1_000;
    const next = await shop.reserve(1, shop.user('quick'), ['A-1-1']);
    expect(next.ok, 'the seat goes to who comes after the hold').to.equal(true);
    release();
    expect(count(await Promise.all(paying))).to.deep.equal({ 'hold-expired': 1, ok: 1 });
    const audit = await settled(shop);
    expect(audit.accounts.get(slow)).to.deep.equal({ balance: 900, held: 0 });
    expect(audit.seats.get(`${shop.sessionId}/A-1-1`)?.userId).to.equal(shop.user('quick'));
    expect(audit.seats.get(`${shop.sessionId}/A-1-2`)?.soldTo).to.equal(`pay.${kept}`);
  });
});

interface Raced {
  readonly user: string;
  readonly id: string;
  readonly paid: Result<unknown>;
  /** How what was done against the payment came out. */
  readonly other: Result<unknown>;
}

const answerOf = (result: Result<unknown>): unknown => (result.ok ? result.value : result.refusal);

/** The first service's appends of some kind wait for the log until they are released. */
function stuckAt(isMeant: (stream: string, types: readonly string[]) => boolean) {
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
async function releaseReasons(shop: Shops): Promise<Record<string, number>> {
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
async function race(
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
async function settled(shop: Shops): Promise<Audit> {
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
