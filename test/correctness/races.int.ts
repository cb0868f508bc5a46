import { expect } from 'chai';
import { InProcessHoldLimit } from '../../src/shared-state/in-process-hold-limit.ts';
import { eventually } from '../support/eventually.ts';
import { ignoringRevision } from './support/ignoring-revision.ts';
import {
  answerOf,
  race,
  races,
  releaseReasons,
  settled,
  shopsOnOneLog,
  skewMs,
  stuckAt,
  sweeper,
} from './support/racing.ts';
import { holdMs, prices } from './support/sale.ts';
import { count, type Shops } from './support/shops.ts';

const cancelRaces = 300;

describe('races over services that share nothing but the log', function () {
  this.timeout(300_000);
  const open = shopsOnOneLog();

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
