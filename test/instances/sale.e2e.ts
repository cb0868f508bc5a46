import { expect } from 'chai';
import { startBuyers } from '../e2e/support/buyers.ts';
import { eventually } from '../support/eventually.ts';
import { Instances, outcomes, price, seatId } from './support/instances.ts';

const heldMax = 8;
const seatsEach = 60;

describe('three instances sell as one', function () {
  this.timeout(120_000);
  let all: Instances;

  before(async function () {
    // One buyer of these holds as many in each of three sessions.
    const heldTotalMax = `${3 * heldMax}`;
    const started = await Instances.start({
      HELD_SEATS_MAX: `${heldMax}`,
      HELD_SEATS_TOTAL_MAX: heldTotalMax,
    });
    if (started === undefined) {
      console.log('      skipped: REDIS_URL is not set and there is no redis-server');
      return this.skip();
    }
    all = started;
    await all.schedule(8, seatsEach);
  });
  afterEach(() => all?.expectProven());
  after(() => all?.stop());

  it('a session that was imported through the command line is sold on all of them', async () => {
    const user = all.user('everywhere');
    const token = await all.at(0).token(user);
    for (let n = 0; n < 3; n++) {
      expect(await all.held(n, user, token, 8, n + 1)).to.equal(
        `${all.session(8)}.${seatId(n + 1)}.1`,
      );
    }
  });

  it('a buyer waits on one, reserves on another and pays on the third', async () => {
    const user = all.user('traveller');
    for (let n = 0; n < 6; n++) {
      await all.at(n).charge(user, price + 1, `charge-${n}`);
      const token = await all.at(n).token(user);
      const reservation = await all.held(n + 1, user, token, 1, n + 1);
      // Who asks another instance for what was just done must not be told what was before.
      const before = await all.at(n + 2).balance(user);
      expect(before.balance).to.equal(price + 1 + n);
      const paid = await all.at(n + 2).pay(user, token, reservation);
      expect(paid.body).to.include({ balance: n + 1 });
      expect((await all.at(n).balance(user)).balance).to.equal(n + 1);
      expect((await all.at(n + 1).balance(user)).balance).to.equal(n + 1);
    }
  });

  it('one of 300 buyers gets one seat', async () => {
    const users = Array.from({ length: 300 }, (_, n) => all.user(`crowd-${n}`));
    const tokens = await Promise.all(users.map((user, n) => all.at(n).token(user)));
    const answers = await Promise.all(
      users.map((user, n) => all.reserve(n + 1, user, tokens[n] as string, 2, 1)),
    );
    expect(outcomes(answers)).to.deep.equal({ '200': 1, '409 seat-taken': 299 });
    for (let n = 0; n < 3; n++) {
      await eventually(`instance ${n} shows the seat as taken`, async () => {
        const open = (await all.seats(n, 2)).filter(({ isAvailable }) => isAvailable);
        return open.length === seatsEach - 1;
      });
    }
  });

  it(`50 reservations of one buyer at once get ${heldMax} seats`, async () => {
    const user = all.user('greedy');
    const token = await all.at(0).token(user);
    const reserve = (n: number) => all.reserve(n, user, token, 3, n + 1);
    const answers = await Promise.all(Array.from({ length: 50 }, (_, n) => reserve(n)));
    const counted = outcomes(answers);
    expect(counted['200']).to.equal(heldMax);
    expect(answers.filter(({ body }) => body.code === 'too-many-seats')).to.have.lengthOf(
      50 - heldMax,
    );
    // A seat given back on one instance makes room for one on another.
    const held = answers.find(({ status }) => status === 200)?.body.reservationId ?? '';
    const cancelled = await all
      .at(1)
      .call('DELETE', `/concert/reservation/${held}?userId=${user}`, {
        headers: { AuthorizationWaiting: `Bearer ${token}` },
      });
    expect(cancelled.status, JSON.stringify(cancelled.body)).to.equal(200);
    expect((await all.reserve(2, user, token, 3, 51)).status).to.equal(200);
    expect((await all.reserve(0, user, token, 3, 52)).body.code).to.equal('too-many-seats');
  });

  it('24 payments of one buyer at once with money for 15: 15 are paid, to the last unit', async () => {
    const user = all.user('payer');
    const token = await all.at(0).token(user);
    await all.at(0).charge(user, 15 * price + 7, 'start');
    const ids: string[] = [];
    for (const session of [4, 5, 6]) {
      for (let seat = 1; seat <= heldMax; seat++) {
        ids.push(await all.held(seat, user, token, session, seat));
      }
    }
    const paid = await Promise.all(ids.map((id, n) => all.at(n).pay(user, token, id)));
    expect(outcomes(paid)).to.deep.equal({ '200': 15, '402 balance-too-small': 9 });
    for (const { status, body } of paid) {
      if (status === 200) expect(body.balance).to.be.within(7, 14 * price + 7);
    }
    for (let n = 0; n < 3; n++) {
      await eventually(`instance ${n} shows what is left`, async () => {
        const { balance, held } = await all.at(n).balance(user);
        expect(balance).to.equal(7);
        return held === 0;
      });
    }
  });

  it('one payment on all of them at once is debited once, with one answer', async () => {
    const user = all.user('clicker');
    const token = await all.at(0).token(user);
    await all.at(0).charge(user, 1_000, 'start');
    const reservation = await all.held(1, user, token, 7, 1);
    const paid = await Promise.all(
      Array.from({ length: 30 }, (_, n) => all.at(n).pay(user, token, reservation)),
    );
    expect(outcomes(paid)).to.deep.equal({ '200': 30 });
    const answers = new Set(paid.map(({ body }) => JSON.stringify(body)));
    expect(answers.size, [...answers].join('\n')).to.equal(1);
    for (let n = 0; n < 3; n++) {
      expect((await all.at(n).balance(user)).balance).to.equal(1_000 - price);
    }
  });

  it('one idempotency key on all of them at once has one effect, and one answer afterwards', async () => {
    const user = all.user('keyed');
    const charges = await Promise.all(
      Array.from({ length: 20 }, (_, n) => all.at(n).charge(user, 500, 'only-once')),
    );
    const counted = outcomes(charges as Parameters<typeof outcomes>[0]);
    expect(
      Object.keys(counted).filter((each) => !/^200$|^409 request-running$/.test(each)),
    ).to.deep.equal([]);
    expect(counted['200']).to.be.greaterThan(0);
    const bodies = new Set<string>();
    for (let n = 0; n < 3; n++) {
      const again = await all.at(n).charge(user, 500, 'only-once');
      expect(again.status).to.equal(200);
      bodies.add(JSON.stringify(again.body));
      expect((await all.at(n).balance(user)).balance).to.equal(500);
    }
    expect(bodies.size).to.equal(1);
  });

  it('lists agree on every instance when the rush is over, and are as the log says', async () => {
    const sessions = [1, 2, 3, 4, 5, 6, 7].map((n) => [all.tag, all.session(n)] as const);
    for (let n = 1; n <= 10; n++)
      await all.at(n).charge(all.user(`buyer-${n}`), 1_000_000, all.tag);
    // The same ten buyers on each instance: their streams are written by all three at once.
    const rushes = all.services.map((service) =>
      startBuyers(service, { buyers: 10, sessions, name: all.user('buyer') }),
    );
    await eventually('buyers pay on every instance', () =>
      rushes.every(({ acknowledged }) => acknowledged.payments.size >= 20),
    );
    await Promise.all(rushes.map((rush) => rush.stop()));
    const payments = rushes.flatMap(({ acknowledged }) => [...acknowledged.payments.keys()]);
    for (const { acknowledged } of rushes)
      expect(acknowledged.answers.get('500')).to.equal(undefined);

    const sold = new Set(payments.map((id) => id.slice(0, id.lastIndexOf('.'))));
    for (const [index, [, sessionId]] of sessions.entries()) {
      const list = await all.agreedSeats(index + 1);
      for (const { seatId: seat, isAvailable } of list) {
        if (sold.has(`${sessionId}.${seat}`))
          expect(isAvailable, `${seat} is sold`).to.equal(false);
      }
      const open = list.filter(({ isAvailable }) => isAvailable).length;
      for (let n = 0; n < 3; n++) {
        const path = `/concert/${all.tag}/session`;
        const { body } = await all
          .at(n)
          .call<{ sessionId: string; seatsAvailable: number }[]>('GET', path);
        const listed = body.find((session) => session.sessionId === sessionId);
        expect(listed?.seatsAvailable, `${sessionId} on ${n}`).to.equal(open);
      }
    }
  });
});
