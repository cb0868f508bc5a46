import { AssertionError } from 'node:assert';
import { expect } from 'chai';
import { Accounts } from '../../src/commands/account/accounts.ts';
import { accountDecider } from '../../src/commands/account/decider.ts';
import { assertAscending } from '../../src/commands/core/bounds.ts';
import { CommandHandler, defaultBounds } from '../../src/commands/core/command-handler.ts';
import { answerEach } from '../../src/commands/core/lanes.ts';
import { assertLastSeen } from '../../src/commands/core/loaded.ts';
import { placedOrder } from '../../src/commands/order/decider.ts';
import { Orders } from '../../src/commands/order/orders.ts';
import { OrderPlacement } from '../../src/commands/order/place-order.ts';
import { heldSeat, seatDecider } from '../../src/commands/seat/decider.ts';
import { SeatBookings } from '../../src/commands/seat/seat-bookings.ts';
import type { RecordedEvent } from '../../src/events/codec.ts';
import type { AccountEvent } from '../../src/events/events.ts';
import { balanceCharged, paymentHeld, paymentOf } from '../support/events.ts';
import { MemoryEventStore } from '../support/memory-event-store.ts';

const context = { commandId: 'test' };
const nowMs = Date.UTC(2030, 0, 1);

/** A log that leaves out one event of every stream when it is read. */
class GappedLog extends MemoryEventStore {
  leftOut: bigint | undefined;

  override async *readStream(...args: Parameters<MemoryEventStore['readStream']>) {
    yield* this.#without(super.readStream(...args));
  }

  override async *readBackwards(...args: Parameters<MemoryEventStore['readBackwards']>) {
    yield* this.#without(super.readBackwards(...args));
  }

  async *#without(events: AsyncIterable<RecordedEvent>) {
    for await (const event of events) if (event.revision !== this.leftOut) yield event;
  }
}

describe('what would go wrong without a word', () => {
  it('bounds must grow as they are named', () => {
    assertAscending({ appendMsMin: 1, requestMaxMs: 2, requestOverMs: 3 });
    for (const requestMaxMs of [1, 3]) {
      expect(() => assertAscending({ appendMsMin: 1, requestMaxMs, requestOverMs: 3 })).to.throw(
        AssertionError,
        /must be below/,
      );
    }
  });

  for (const name of ['streamsMax', 'waitingMax', 'batchMax', 'attemptsMax'] as const) {
    it(`a handler has a ${name} of 1 or more`, () => {
      const make = (bound: number) =>
        new CommandHandler(new MemoryEventStore(), seatDecider, {
          bounds: { ...defaultBounds, [name]: bound },
        });
      make(1);
      expect(() => make(0)).to.throw(AssertionError, name);
    });
  }

  describe('revisions of a stream have no gaps', () => {
    let log: GappedLog;
    beforeEach(() => {
      log = new GappedLog();
    });
    const charge = (accounts: Accounts, chargeId: string) =>
      accounts.charge('u', { chargeId, amount: 1, currency: 'KRW', nowMs }, context);
    const refused = (work: Promise<unknown>) =>
      work.then(
        () => expect.fail('it went on without the event'),
        (error) => expect(error).to.be.instanceOf(AssertionError).with.property('message', message),
      );
    let message: string;

    it('when it is read back', async () => {
      for (const id of ['a', 'b', 'c']) await charge(new Accounts(log), id);
      log.leftOut = 1n;
      message = 'revision 2 of account-u follows revision 0';
      await refused(charge(new Accounts(log), 'd'));
      log.leftOut = undefined;
      expect((await charge(new Accounts(log), 'd')).ok).to.equal(true);
    });

    it('when it is read on', async () => {
      const accounts = new Accounts(log);
      await charge(accounts, 'a');
      for (const id of ['b', 'c']) await charge(new Accounts(log), id);
      log.leftOut = 1n;
      message = 'revision 2 of account-u follows revision 0';
      await refused(charge(accounts, 'd'));
      log.leftOut = undefined;
      expect((await charge(accounts, 'd')).ok).to.equal(true);
    });

    it('when it is read from its beginning', async () => {
      const order = await placeOrder(log, ['A-1-1', 'A-1-2']);
      expect(order.ok && order.value.seatIds).to.deep.equal(['A-1-1', 'A-1-2']);
      const orderStream = log.log.find(({ type }) => type === 'OrderPlaced')?.stream ?? '';
      const orderId = orderStream.slice('order-'.length);
      await ordersOn(log).orders.settle(orderId);
      const reservationId = `order.${orderId}`;
      const ref = { kind: 'order', reservationId, orderId } as const;
      await ordersOn(log).orders.cancel(ref, { userId: 'u', nowMs, refundUntilMs: () => 0 }, {});
      log.leftOut = 1n;
      message = `revision 2 of ${orderStream} follows revision 0`;
      await refused(ordersOn(log).orders.current(orderId));
      log.leftOut = undefined;
      expect((await ordersOn(log).orders.current(orderId)).status).to.equal('ended');
    });
  });

  const ordersOn = (log: MemoryEventStore) => {
    const seats = new SeatBookings(log);
    const orders = new Orders(log, seats, new Accounts(log));
    return { orders, placement: new OrderPlacement(orders, seats) };
  };
  const placeOrder = (log: MemoryEventStore, seatIds: readonly string[]) => {
    const seats = seatIds.map((seatId) => ({ seatId, price: 100 }));
    const terms = { sessionId: 's', userId: 'u', currency: 'KRW', expiresAtMs: nowMs + 1_000 };
    return ordersOn(log).placement.place({ ...terms, seats }, nowMs, context, () => {});
  };

  it('what is appended was decided on the newest state that was seen', () => {
    assertLastSeen('no_stream', undefined);
    assertLastSeen(3n, { revision: 3n });
    for (const expected of ['no_stream', 2n, 4n] as const) {
      expect(() => assertLastSeen(expected, { revision: 3n })).to.throw(
        AssertionError,
        '3 was seen',
      );
    }
  });

  it('an order has two seats or more', async () => {
    const log = new MemoryEventStore();
    const [error] = await Promise.allSettled([placeOrder(log, ['A-1-1'])]);
    expect(error).to.have.property('reason').instanceOf(AssertionError);
    expect(log.log).to.deep.equal([]);
  });

  it('a seat that was reserved is held', () => {
    expect(() => heldSeat(seatDecider.initial)).to.throw(AssertionError, 'is free');
  });

  it('an order that something happens to was placed', () => {
    expect(() => placedOrder({ status: 'none' })).to.throw(AssertionError, 'was placed before');
  });

  it('every command of a batch has an outcome', () => {
    const batch = [{ resolve: () => {} }];
    answerEach(batch, [{ ok: true, answer: 1 }], null);
    expect(() => answerEach(batch, [], null)).to.throw(AssertionError, 'has an outcome');
  });

  it('a hold of money is resolved once: afterwards it is no longer held', () => {
    const amount = 100;
    const events: AccountEvent[] = [
      balanceCharged('c', amount, amount),
      paymentHeld(paymentOf('r', amount), 0),
    ];
    const before = events.reduce(accountDecider.evolve, accountDecider.initial);
    const decision = accountDecider.decide({ type: 'CapturePayment', paymentId: 'pay.r' }, before);
    if (!decision.ok) throw new Error(decision.refusal.detail);
    const after = decision.events.reduce(accountDecider.evolve, before);
    expect(decision.answer(after)).to.include({ amount });
    expect(() => decision.answer(before)).to.throw(AssertionError, 'was captured and is held');
  });
});
