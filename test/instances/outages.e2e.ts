import { expect } from 'chai';
import { startBuyers, withToken } from '../e2e/support/buyers.ts';
import { eventually } from '../support/eventually.ts';
import { Instances, price, seatId } from './support/instances.ts';

const holdMs = 3_000;
const seatsEach = 50;

describe('three instances, when something goes away', function () {
  this.timeout(120_000);
  let all: Instances;

  before(async function () {
    const started = await Instances.start({ HOLD_SECONDS: `${holdMs / 1_000}` });
    if (started === undefined) {
      console.log('      skipped: REDIS_URL is not set and there is no redis-server');
      return this.skip();
    }
    all = started;
    await all.schedule(12, seatsEach);
  });
  afterEach(() => all?.expectProven());
  after(() => all?.stop());

  it('three sweepers end every hold once, and none of them stumbles over another', async () => {
    const seats = 40;
    const buyers = await Promise.all(
      Array.from({ length: seats / 8 }, async (_, i) => {
        const user = all.user(`leaves-${i}`);
        return { user, token: await all.at(i).token(user) };
      }),
    );
    const of = (n: number) => buyers[n % buyers.length] as (typeof buyers)[number];
    const hold = (n: number, by: number, at: number) =>
      all.held(at, of(by).user, of(by).token, 1, n + 1);
    const ids = await Promise.all(Array.from({ length: seats }, (_, n) => hold(n, n, n)));
    expect(ids).to.have.lengthOf(seats);
    for (let n = 0; n < 3; n++) {
      await eventually(
        `instance ${n} shows every seat as free again`,
        async () => (await all.seats(n, 1)).every(({ isAvailable }) => isAvailable),
        holdMs + 10_000,
      );
    }
    // By others: who let a seat lapse waits before holding it again.
    const again = await Promise.all(Array.from({ length: seats }, (_, n) => hold(n, n + 1, n + 1)));
    expect(again.every((id) => id.endsWith('.2'))).to.equal(true);
    for (const { output } of all.services) expect(output).not.to.contain('expire holds');
  });

  it('Redis emptied in between: the line is rebuilt with new tokens, and nothing else is lost', async () => {
    const user = all.user('patient');
    const token = await all.at(0).token(user);
    const charged = await all.at(0).charge(user, 1_000, 'start');
    const bought = await all.held(0, user, token, 2, 1);
    expect((await all.at(1).pay(user, token, bought)).status).to.equal(200);
    const held = await all.held(1, user, token, 2, 2);
    await all.redis.empty();
    const codes = new Set<unknown>();
    await eventually('the line is rebuilt', async () => {
      codes.add((await all.reserve(2, user, token, 2, 3)).body.code);
      return codes.has('token-unknown');
    });
    codes.delete('token-unknown');
    expect([...codes], 'meanwhile').to.satisfy((seen: unknown[]) =>
      seen.every((code) => code === 'queue-unavailable'),
    );

    const fresh = await all.at(2).token(user);
    expect(fresh).not.to.equal(token);
    const paid = await all.at(0).pay(user, fresh, held);
    expect(paid.body, JSON.stringify(paid.body)).to.include({ balance: 1_000 - 2 * price });
    const again = await all.at(1).pay(user, fresh, bought);
    expect(again.status).to.equal(200);
    expect((await all.at(2).charge(user, 1_000, 'start')).body).to.deep.equal(charged.body);
    for (let n = 0; n < 3; n++) {
      expect((await all.at(n).balance(user)).balance).to.equal(1_000 - 2 * price);
    }
    const other = all.user('other');
    const taken = await all.reserve(1, other, await all.at(1).token(other), 2, 2);
    expect(taken.body.code).to.equal('seat-taken');
  });

  it('kill -9 of the instance that writes the read models: another takes over, nothing is lost', async () => {
    const sessions = [3, 4, 5, 6, 7, 8, 9, 10, 11, 12].map(
      (n) => [all.tag, all.session(n)] as const,
    );
    for (let n = 1; n <= 10; n++)
      await all.at(n).charge(all.user(`buyer-${n}`), 1_000_000, all.tag);
    const writer = await eventually('one writes', async () => {
      const index = await all.writer();
      return index === undefined ? undefined : { index };
    });
    const dead = all.at(writer.index);
    const survivors = [writer.index + 1, writer.index + 2];
    const rushes = all.services.map((service) =>
      startBuyers(service, { buyers: 10, sessions, name: all.user('buyer') }),
    );
    const paid = () => rushes.map(({ acknowledged }) => acknowledged.payments.size);
    await eventually('buyers pay everywhere', () => paid().every((size) => size > 5));

    await dead.kill();
    const killedMs = Date.now();
    await rushes[writer.index]?.stop();
    await eventually('another one writes', async () => {
      const index = await all.writer();
      return index !== undefined && index !== writer.index;
    });
    const tookOverMs = Date.now() - killedMs;
    const before = paid();
    await eventually('buyers still pay', () =>
      survivors.every((n) => (paid()[n % 3] ?? 0) > (before[n % 3] ?? 0)),
    );
    await Promise.all(rushes.map((rush) => rush.stop()));
    expect(tookOverMs, 'ms until another one writes').to.be.lessThan(5_000);

    // Lists go on changing on the survivors, though neither of them is the one that wrote.
    const user = all.user('late');
    const [one = 0, two = 0] = survivors;
    const token = await all.at(one).token(user);
    const open = (await all.seats(two, 2)).find(({ isAvailable }) => isAvailable);
    const seat = Number(open?.seatId.split('-').at(-1));
    expect((await all.reserve(one, user, token, 2, seat)).status).to.equal(200);
    for (const n of survivors) {
      await eventually(`instance ${n % 3} shows the seat as taken`, async () =>
        (await all.seats(n, 2)).some((each) => each.seatId === seatId(seat) && !each.isAvailable),
      );
    }

    // The one that comes back has nothing but PostgreSQL and the log to know it from.
    await dead.start();
    for (let session = 1; session <= sessions.length + 2; session++) await all.agreedSeats(session);
    const payments = rushes.flatMap(({ acknowledged }) => [...acknowledged.payments]);
    expect(payments.length).to.be.greaterThan(15);
    for (const [index, [reservation, buyer]] of payments.entries()) {
      const again = await withToken(all.at(0), buyer, (place) =>
        all.at(index).pay(buyer, place, reservation),
      );
      expect([reservation, again.status, again.body.code]).to.deep.equal([
        reservation,
        200,
        undefined,
      ]);
    }
  });
});
