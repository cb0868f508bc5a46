import { expect } from 'chai';
import { eventually } from '../support/eventually.ts';
import { ShiftedClocks } from '../support/shifted-clock.ts';
import { catalogFile, sessionsOf, startBuyers } from './support/buyers.ts';
import { importCatalog } from './support/command-line.ts';
import { verifyOf } from './support/proof.ts';
import { Service } from './support/service.ts';

const hour = 3_600_000;
/** Longer than the buyers of a test need, on however busy a machine; waited for by two of them. */
const holdSeconds = 20;
const holders = 4;

interface Ready {
  readonly clock: {
    readonly state: string;
    readonly skewSeconds: number;
    readonly detail?: string;
  };
}

describe('clocks that step by an hour during a sale', function () {
  this.timeout(300_000);
  let service: Service;
  let clocks: ShiftedClocks;
  const users = Array.from({ length: holders + 1 }, (_, n) => `holder-${n}`);

  before(async () => {
    clocks = await ShiftedClocks.make();
    service = await Service.start({
      ...clocks.env,
      // Its clock can be stepped, too.
      EVENTSTORE_URL: '',
      HOLD_SECONDS: `${holdSeconds}`,
      HOLD_AGAIN_AFTER_SECONDS: '0',
      QUEUE_ADMITTED_MAX: '100',
    });
    await importCatalog(catalogFile(4), { DATA_DIR: service.dataDir });
    await eventually('the sessions are listed', async () => {
      const { body } = await service.call<unknown[]>('GET', '/concert/c1/session');
      return body.length === 4;
    });
    for (const user of users) await service.charge(user, 100_000, 'start');
  });
  after(async () => {
    await service?.remove();
    await clocks?.remove();
  });

  const clock = async () => (await service.readyz<Ready>()).body.clock;
  const isOpen = async (session: number, seatId: string) => {
    const path = `/concert/c1/seat?sessionId=c1-${session}`;
    const { body } = await service.call<{ seatList: { seatId: string; isAvailable: boolean }[] }>(
      'GET',
      path,
    );
    return body.seatList.find((seat) => seat.seatId === seatId)?.isAvailable;
  };

  /**
   * Holds that are open during a step are paid by all but one, whose hold ends when it has lasted
   * as long as it should.
   */
  async function holdsThrough(session: number, step: () => Promise<unknown>): Promise<void> {
    for (let n = 1; n <= 2; n += 1) await service.charge(`rush-${session}-${n}`, 1_000_000, 'one');
    const rush = startBuyers(service, {
      buyers: 2,
      // Not of the session whose seats are held: it would be a race for them.
      sessions: sessionsOf(4).slice(3),
      name: `rush-${session}`,
    });
    const heldMs = performance.now();
    const held = await Promise.all(
      users.map(async (user, n) => {
        const token = await service.token(user);
        const seat = `A-1-${n + 1}`;
        const { status, body } = await service.reserve(user, token, 'c1', `c1-${session}`, seat);
        expect(status, JSON.stringify(body)).to.equal(200);
        return { user, token, reservationId: body.reservationId };
      }),
    );
    await step();
    for (const { user, token, reservationId } of held.slice(1)) {
      const { status, body } = await service.pay(user, token, reservationId);
      expect(status, JSON.stringify(body)).to.equal(200);
    }
    await rush.stop();
    const { answers } = rush.acknowledged;
    expect([...answers.keys()].filter((answer) => !/^(200|409)$/.test(answer))).to.deep.equal([]);
    await eventually(
      'the last one’s seat is free again',
      () => isOpen(session, 'A-1-1'),
      120_000,
      100,
    );
    expect(performance.now() - heldMs).to.be.at.least(holdSeconds * 1_000);
  }

  afterEach(async () => {
    const { ours } = await verifyOf('c1', await service.servers());
    expect(ours).to.deep.equal([]);
  });

  it('this machine’s, forward: holds last as long as they should', async () => {
    await holdsThrough(1, async () => {
      await clocks.set('service', hour);
      const { skewSeconds } = await eventually('it has stepped', async () => {
        const now = await clock();
        return now.skewSeconds > 1_000 ? now : undefined;
      });
      expect(skewSeconds).to.be.closeTo(3_600, 60);
    });
    const { state, detail } = await clock();
    expect(state).to.equal('agrees');
    expect(detail).to.match(/this machine’s clock is 36\d\d.\d s ahead of the servers’/);
    expect(service.output.match(/clock: this machine’s clock/g)).to.have.lengthOf(1);
  });

  it('this machine’s, back: as long, too', async () => {
    await holdsThrough(2, async () => {
      await clocks.set('service', -hour);
      await eventually('it has stepped', async () => (await clock()).skewSeconds < -1_000);
    });
  });

  it('the event store’s, forward: it says that the servers contradict each other, and goes on by its own', async () => {
    await holdsThrough(3, async () => {
      await clocks.set('store', hour);
      await eventually('it has noticed', async () => (await clock()).state === 'contradicted');
    });
    expect((await clock()).detail).to.contain('the event store says that it is 36');
  });
});
