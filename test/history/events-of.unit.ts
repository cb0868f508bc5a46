import { randomUUID } from 'node:crypto';
import { expect } from 'chai';
import type { NewEvent } from '../../src/commands/core/event-store.ts';
import { skipEvent } from '../../src/commands/skipping/skip-event.ts';
import type { RecordedEvent } from '../../src/events/codec.ts';
import { parseOrderReservationId, paymentId } from '../../src/events/ids.ts';
import { readSkips } from '../../src/events/skipped.ts';
import { byWhom, originOf } from '../../src/history/command-of.ts';
import { eventsOfReservation, textIn } from '../../src/history/events-of.ts';
import { holdsOf } from '../../src/history/holds.ts';
import { inWords } from '../../src/history/words.ts';
import { seatReserved } from '../support/events.ts';
import { MemoryEventStore } from '../support/memory-event-store.ts';
import { randomSale } from './support/random-sale.ts';

const sales = 20;
const steps = 80;

/** All events of a reservation, found by looking at the whole log. */
function ofReservation(log: readonly RecordedEvent[], id: string): RecordedEvent[] {
  const orderId = parseOrderReservationId(id);
  const seats = new Set(
    log
      .filter((event) => orderId !== undefined && textIn(event, 'orderId') === orderId)
      .map((event) => textIn(event, 'reservationId')),
  );
  return log.filter(
    (event) =>
      event.stream === `order-${orderId}` ||
      (event.stream.startsWith('seat-') &&
        (textIn(event, 'reservationId') === id || seats.has(textIn(event, 'reservationId')))) ||
      (event.stream.startsWith('account-') && textIn(event, 'paymentId') === paymentId(id)),
  );
}

describe('a reservation’s history', () => {
  it('is all that the log has of it, and nothing else, in the log’s order', async () => {
    let [singles, orders] = [0, 0];
    for (let seed = 1; seed <= sales; seed += 1) {
      const { store, reservations } = await randomSale(seed, steps);
      for (const id of reservations) {
        const found: RecordedEvent[] = [];
        for await (const event of (await eventsOfReservation(store, id)) ?? []) found.push(event);
        expect(found, `${id}, seed ${seed}`).to.deep.equal(ofReservation(store.log, id));
        if (id.startsWith('order.')) orders += 1;
        else singles += 1;
      }
    }
    expect(Math.min(singles, orders)).to.be.greaterThan(20);
  });

  it('goes on after an event that was skipped, which is no hold of the seat', async () => {
    const store = new MemoryEventStore();
    const stream = 'seat-s1/A-1-1';
    const reserved = (price: number): NewEvent => ({
      id: randomUUID(),
      event: seatReserved({ reservationId: 's1.A-1-1.1', userId: 'u1' }, { price }),
      metadata: { schemaVersion: 1 },
    });
    const wrong = reserved(0.5);
    await store.append(stream, 'no_stream', [wrong]);
    const named = { stream, revision: 0n, id: wrong.id };
    await skipEvent(store, named, { reason: 'half a unit', nowMs: 0 });
    await store.append(stream, 1n, [reserved(100)]);
    const revisions: bigint[] = [];
    const events = await eventsOfReservation(store, 's1.A-1-1.1');
    for await (const { revision } of events ?? []) revisions.push(revision);
    expect(revisions, 'what the log has of it').to.deep.equal([0n, 2n]);
    const { holds, unreadable } = await holdsOf(store.readStream(stream), await readSkips(store));
    expect({ holds: holds.length, unreadable }).to.deep.equal({ holds: 1, unreadable: 0 });
    const told = store.log.map(inWords);
    expect(told[2]).to.contain('All readers ignore it from here on: half a unit');
    expect(byWhom(originOf(store.log[2] as RecordedEvent))).to.equal('an operator');
  });

  it('is undefined for one that there never was', async () => {
    const { store } = await randomSale(1, steps);
    for (const id of ['s1.A-1-1.999', 's1.Z-9-9.1', 'order.nope', 'nonsense', '']) {
      expect(await eventsOfReservation(store, id), id).to.equal(undefined);
    }
  });
});

describe('an event’s origin', () => {
  it('is the command that its metadata names, and the same for events of before it did', async () => {
    const commands = new Set<string>();
    for (let seed = 1; seed <= sales; seed += 1) {
      const { store } = await randomSale(seed, steps);
      for (const event of store.log) {
        const { command, ...older } = event.metadata as Record<string, unknown>;
        expect(command).to.be.a('string');
        const origin = originOf(event);
        expect(
          originOf({ ...event, metadata: older }),
          JSON.stringify(event.metadata),
        ).to.deep.equal(origin);
        commands.add(origin.command);
      }
    }
    expect([...commands]).to.include.members([
      'ReserveSeat',
      'SellSeat',
      'ExpireHold',
      'CancelReservation',
      'GiveBack',
      'PlaceOrder',
      'ConfirmOrder',
      'PayOrder',
      'ExpireOrder',
      'AbandonOrder',
      'CancelOrder',
      'SettleOrder',
      'ChargeBalance',
      'HoldPayment',
      'CapturePayment',
      'RefundPayment',
    ]);
  });

  it('says who: a request, the clock, the organiser', async () => {
    const log: RecordedEvent[] = [];
    for (let seed = 1; seed <= sales; seed += 1)
      log.push(...(await randomSale(seed, steps)).store.log);
    const who = (type: string, command: string) => {
      const events = log.filter((event) => event.type === type);
      return events
        .map(originOf)
        .filter((origin) => origin.command === command)
        .map(byWhom);
    };
    expect(who('BalanceCharged', 'ChargeBalance')[0]).to.match(/^request request-\d+$/);
    expect(new Set(who('SeatReleased', 'ExpireHold'))).to.deep.equal(
      new Set(['the service, on time']),
    );
    const cancelled = who('SeatReleased', 'CancelReservation');
    expect(cancelled).to.include('the organiser, which cancelled the session');
    expect(cancelled.some((by) => by.startsWith('request '))).to.equal(true);
  });
});

describe('what happened, in words', () => {
  it('is said of every event of a sale', async () => {
    const { store } = await randomSale(2, steps);
    for (const event of store.log) {
      const words = inWords(event);
      expect(words, event.type).to.match(/^[a-z0-9]/);
      expect(words).to.not.match(/undefined|NaN|\[object|cannot be read/);
    }
  });

  it('says of an event that cannot be read why', () => {
    const event: RecordedEvent = {
      id: 'e',
      stream: 'seat-s/a',
      revision: 4n,
      position: 9n,
      type: 'SeatReserved',
      createdMs: 0,
      data: {},
      metadata: { schemaVersion: 99 },
    };
    expect(inWords(event)).to.match(/^cannot be read by this version: .*4@seat-s\/a/);
  });
});
