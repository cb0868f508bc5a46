import { expect } from 'chai';
import { eventually } from '../support/eventually.ts';
import {
  answerOf,
  race,
  settled,
  shopsOnOneLog,
  skewMs,
  stuckAt,
  sweeper,
} from './support/racing.ts';
import { prices } from './support/sale.ts';
import { count } from './support/shops.ts';

describe('races over services that share nothing but the log', function () {
  this.timeout(300_000);
  const open = shopsOnOneLog();

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
});
