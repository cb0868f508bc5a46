import { expect } from 'chai';
import type { EventStore } from '../../src/commands/core/event-store.ts';
import type { Sales } from '../../src/commands/sales/sales.ts';
import type { KnownHold } from '../../src/commands/seat/decider.ts';
import { ignoringRevision } from '../correctness/support/ignoring-revision.ts';
import { catalogOf, holdMs, prices, salesOn } from '../correctness/support/sale.ts';
import { CountingLog } from '../support/counting-log.ts';

const catalog = catalogOf(['s'], 3);
const reservationOf = (ordinal: number): string => `s.A-1-1.${ordinal}`;

describe('ending a hold of which the read model tells', () => {
  let log: CountingLog;
  let nowMs: number;
  let sales: Sales;
  let commands = 0;
  beforeEach(() => {
    log = new CountingLog();
    nowMs = Date.UTC(2030, 0, 1);
    sales = serviceOn(log);
  });

  const serviceOn = (store: EventStore) => salesOn(store, catalog, { now: () => nowMs });
  const context = () => {
    commands += 1;
    return { commandId: `command-${commands}` };
  };
  const reserve = async (userId: string): Promise<KnownHold> => {
    const command = { concertId: 'c1', sessionId: 's', seatIds: ['A-1-1'], userId };
    const held = await sales.reserve({ ...command, context: context() });
    if (!held.ok) throw new Error(held.refusal.detail);
    const { reservationId, price, currency, expiresAt } = held.value;
    const expiresAtMs = Date.parse(expiresAt);
    return { reservationId, userId, price, currency, expiresAtMs, orderId: undefined };
  };
  const pay = async ({ userId, reservationId }: KnownHold) => {
    const charge = { userId, chargeId: reservationId, amount: prices.A };
    await sales.charge({ ...charge, context: context() });
    const paid = await sales.pay({ userId, reservationId, context: context() });
    expect(paid.ok).to.equal(true);
  };
  const cancel = ({ userId, reservationId }: KnownHold) =>
    sales.cancel({ userId, reservationId, context: context() });
  /** As another instance ends it, that remembers nothing: `[status, streams read]`. */
  const endElsewhere = async (hold: KnownHold, store: EventStore = log) => {
    nowMs = hold.expiresAtMs;
    const before = log.reads;
    const ended = await serviceOn(store).expire(hold.reservationId, hold);
    return [ended.ok && ended.value, log.reads - before];
  };
  const seatEvents = () =>
    log.log
      .filter(({ stream }) => stream === 'seat-s/A-1-1')
      .map(({ type, data }) => `${type} ${(data as { reservationId: string }).reservationId}`);

  it('reads nothing, however often the seat was held before', async () => {
    const first = await reserve('u');
    expect(await endElsewhere(first)).to.deep.equal(['expired', 0]);
    const second = await reserve('v');
    await cancel(second);
    const third = await reserve('w');
    expect(await endElsewhere(third)).to.deep.equal(['expired', 0]);
    expect(seatEvents()).to.deep.equal(
      [1, 2, 3].flatMap((n) => [
        `SeatReserved ${reservationOf(n)}`,
        `SeatReleased ${reservationOf(n)}`,
      ]),
    );
  });

  it('reads the seat when an earlier hold was paid', async () => {
    const first = await reserve('u');
    await pay(first);
    await cancel(first);
    const second = await reserve('v');
    const [status, reads] = await endElsewhere(second);
    expect([status, Number(reads) > 0]).to.deep.equal(['expired', true]);
    expect(seatEvents().at(-1)).to.equal(`SeatReleased ${reservationOf(2)}`);
  });

  for (const [what, then, status] of [
    ['paid', pay, 'sold'],
    ['cancelled', cancel, 'cancelled'],
    ['cancelled, and the seat is somebody else’s', cancelAndReserve, 'cancelled'],
  ] as const) {
    it(`changes nothing when it was ${what}`, async () => {
      const hold = await reserve('u');
      await then(hold);
      const before = seatEvents();
      expect((await endElsewhere(hold))[0]).to.equal(status);
      expect(seatEvents()).to.deep.equal(before);
    });

    it(`would end it all the same without the expected revision, ${what} (negative control)`, async () => {
      const hold = await reserve('u');
      await then(hold);
      const before = seatEvents();
      await endElsewhere(hold, ignoringRevision(log));
      expect(seatEvents()).to.deep.equal([...before, `SeatReleased ${hold.reservationId}`]);
    });
  }

  async function cancelAndReserve(hold: KnownHold) {
    await cancel(hold);
    nowMs += holdMs;
    await reserve('v');
  }

  it('waits until its time is over by this clock', async () => {
    const hold = await reserve('u');
    nowMs = hold.expiresAtMs - 1;
    const early = await serviceOn(log).expire(hold.reservationId, hold);
    expect(early.ok && early.value).to.equal('held');
    expect(seatEvents()).to.have.length(1);
  });
});
