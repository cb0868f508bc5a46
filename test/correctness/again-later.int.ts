import { expect } from 'chai';
import type { EventStore } from '../../src/commands/core/event-store.ts';
import type { Result } from '../../src/commands/core/result.ts';
import { type TestEventStore, testEventStore } from '../support/servers.ts';
import { holdMs, prices } from './support/sale.ts';
import { Shops } from './support/shops.ts';

const instances = 3;

describe('asking again later, whoever has had the seats since', function () {
  this.timeout(60_000);
  let server: TestEventStore;
  let shop: Shops;
  /** Events read of seats' streams. */
  let read: number;
  const counting = (store: EventStore): EventStore => {
    async function* counted(stream: string, events: ReturnType<EventStore['readStream']>) {
      for await (const event of events) {
        if (stream.startsWith('seat-')) read += 1;
        yield event;
      }
    }
    return {
      ...store,
      readStream: (stream, ...rest) => counted(stream, store.readStream(stream, ...rest)),
      readBackwards: (stream) => counted(stream, store.readBackwards(stream)),
    };
  };
  before(async () => {
    server = await testEventStore();
  });
  beforeEach(() => {
    shop = new Shops(server.url, { instances, seats: 10, change: counting });
    read = 0;
  });
  afterEach(async () => {
    const { violations } = await shop.audit();
    await shop.close();
    expect(violations, 'the log').to.deep.equal([]);
  });
  after(() => server.stop());

  /** What every instance answers, which must be one and the same. */
  async function all(ask: (n: number) => Promise<Result<unknown>>): Promise<unknown> {
    const answers = [];
    for (let n = 0; n < instances; n++) {
      const result = await ask(n);
      answers.push(result.ok ? result.value : result.refusal.code);
    }
    expect(answers[1]).to.deep.equal(answers[0]);
    expect(answers[2]).to.deep.equal(answers[0]);
    return answers[0];
  }
  const cancel = (user: string, id: string) => all((n) => shop.cancel(n, user, id));
  const pay = (user: string, id: string) => all((n) => shop.pay(n, user, id));
  const balance = async (user: string) => (await shop.audit()).accounts.get(user);
  const rich = async (name: string): Promise<string> => {
    const user = shop.user(name);
    await shop.charge(user, 1_000);
    return user;
  };

  for (const [what, seats, price] of [
    ['a seat', ['A-1-1'], prices.A],
    ['an order', ['A-1-1', 'B-1-1'], prices.A + prices.B],
  ] as const) {
    const done = (reservationId: string, status: string, refunded: number) => ({
      reservationId,
      status,
      refunded,
      currency: 'KRW',
    });

    it(`${what} that was cancelled is cancelled for ever, and cannot be paid`, async () => {
      const [first, next] = [await rich('first'), await rich('next')];
      const id = await shop.held(0, first, seats);
      const answer = done(id, 'cancelled', 0);
      expect(await cancel(first, id)).to.deep.equal(answer);
      const later = await shop.held(1, next, seats);
      expect(await cancel(first, id), 'while another holds it').to.deep.equal(answer);
      expect(await pay(first, id)).to.equal('already-released');
      await pay(next, later);
      expect(await cancel(first, id), 'after another paid it').to.deep.equal(answer);
      expect(await pay(first, id)).to.equal('already-released');
      expect(await balance(first)).to.deep.equal({ balance: 1_000, held: 0 });
    });

    it(`${what} that was refunded is refunded once, and answered so for ever`, async () => {
      const [first, next] = [await rich('first'), await rich('next')];
      const id = await shop.held(0, first, seats);
      await shop.pay(1, first, id);
      const answer = done(id, 'refunded', price);
      expect(await cancel(first, id)).to.deep.equal(answer);
      expect(await pay(first, id)).to.equal('already-released');
      await pay(next, await shop.held(1, next, seats));
      expect(await cancel(first, id), 'after another paid it').to.deep.equal(answer);
      expect(await pay(first, id)).to.equal('already-released');
      expect(await balance(first)).to.deep.equal({ balance: 1_000, held: 0 });
    });

    it(`${what} whose hold ended stays ended, for paying and for cancelling`, async () => {
      const [first, next] = [await rich('first'), await rich('next')];
      const id = await shop.held(0, first, seats);
      shop.aheadMs = holdMs + 1;
      expect(await pay(first, id), 'before anybody ended it').to.equal('hold-expired');
      const later = await shop.held(1, next, seats);
      expect(await cancel(first, id)).to.equal('hold-expired');
      expect(await pay(first, id)).to.equal('hold-expired');
      await cancel(next, later);
      expect(await cancel(first, id), 'free again').to.equal('hold-expired');
      expect(await pay(first, id)).to.equal('hold-expired');
    });

    it(`${what} that was paid is paid for ever, also once its hold would be over`, async () => {
      const first = await rich('first');
      const id = await shop.held(0, first, seats);
      const paid = await pay(first, id);
      expect(paid).to.include({ reservationId: id, amount: price, balance: 1_000 - price });
      shop.aheadMs = 10 * holdMs;
      expect(await pay(first, id)).to.deep.equal(paid);
    });

    it(`nobody is told what became of somebody else’s: ${what}`, async () => {
      const [first, next] = [await rich('first'), await rich('next')];
      const id = await shop.held(0, first, seats);
      for (const end of ['pay', 'cancel'] as const) {
        expect(await cancel(next, id)).to.equal('reservation-not-yours');
        expect(await pay(next, id)).to.equal('reservation-not-yours');
        await shop[end](0, first, id);
      }
      const later = await shop.held(1, next, seats);
      expect(await cancel(next, id)).to.equal('reservation-not-yours');
      expect(await pay(next, id)).to.equal('reservation-not-yours');
      expect(await cancel(first, later)).to.equal('reservation-not-yours');
      expect(await pay(first, later)).to.equal('reservation-not-yours');
    });
  }

  it('each of a seat’s many holds is answered as its own, by a bounded read', async () => {
    const holds = 12;
    const ends: { user: string; id: string; answer: unknown }[] = [];
    for (let n = 0; n < holds; n++) {
      const user = await rich(`u${n}`);
      const id = await shop.held(n, user, ['A-1-1']);
      if (n % 2 === 1) await shop.pay(n, user, id);
      ends.push({ user, id, answer: await cancel(user, id) });
    }
    const statuses = ends.map(({ answer }) => (answer as { status: string }).status);
    expect(statuses.slice(0, 2)).to.deep.equal(['cancelled', 'refunded']);
    for (const [index, { user, id, answer }] of ends.slice(0, -1).entries()) {
      const result = await shop.cancel(index, user, id);
      read = 0;
      expect(result.ok && result.value, id).to.deep.equal(answer);
      // All of the seat’s events were read just now: what is read again is this hold’s.
      await shop.cancel(index, user, id);
      expect(read, `events read for hold ${index + 1}`).to.be.at.most(index + 1 + 2);
    }
    const seat = shop.sessionId;
    const never = await shop.cancel(0, shop.user('u0'), `${seat}.A-1-1.${holds + 1}`);
    expect(never.ok === false && never.refusal.code).to.equal('reservation-not-found');
  });

  // Each seat of a refunded order once gave its price to who cancelled it by the seat's own
  // reservation id.
  it('a seat of an order is neither paid nor given back by itself, and gives no money', async () => {
    const first = await rich('first');
    const order = await shop.held(0, first, ['A-1-1', 'B-1-1']);
    const parts = ['A-1-1.1', 'B-1-1.1'].map((part) => `${shop.sessionId}.${part}`);
    const refused = async (when: string) => {
      for (const part of parts) {
        expect(await pay(first, part), when).to.equal('reservation-not-found');
        expect(await cancel(first, part), when).to.equal('reservation-not-found');
      }
    };
    await refused('held');
    await shop.pay(0, first, order);
    await refused('paid');
    await cancel(first, order);
    await refused('refunded');
    await shop.held(1, await rich('next'), ['A-1-1', 'B-1-1']);
    await refused('after another took them');
    expect(await balance(first)).to.deep.equal({ balance: 1_000, held: 0 });
  });
});
