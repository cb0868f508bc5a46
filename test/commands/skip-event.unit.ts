import { randomUUID } from 'node:crypto';
import { expect } from 'chai';
import { accountDecider } from '../../src/commands/account/decider.ts';
import { CommandHandler } from '../../src/commands/core/command-handler.ts';
import type { EventStore, NewEvent } from '../../src/commands/core/event-store.ts';
import { type SeatCommand, seatDecider } from '../../src/commands/seat/decider.ts';
import { pastHold } from '../../src/commands/seat/past-hold.ts';
import { consequenceOf } from '../../src/commands/skipping/consequences.ts';
import { lookAt, skipEvent } from '../../src/commands/skipping/skip-event.ts';
import type { RecordedEvent } from '../../src/events/codec.ts';
import { eventSchemas } from '../../src/events/events.ts';
import { readAnnounced, readSkips, skipsMax } from '../../src/events/skipped.ts';
import { skippedStream } from '../../src/events/streams.ts';
import { newer } from '../correctness/support/newer-version.ts';
import { MemoryEventStore } from '../support/memory-event-store.ts';

const seat = 'seat-s1/A-1-1';
const account = 'account-u1';
const context = { commandId: 'test' };
const reason = 'no version can read it';

const raw = (type: string, data: object, schemaVersion = 1): NewEvent => ({
  id: randomUUID(),
  event: { type, data } as NewEvent['event'],
  metadata: { schemaVersion },
});
const reserved = raw('SeatReserved', {
  ...{ reservationId: 's1.A-1-1.1', userId: 'u1', price: 100, currency: 'KRW' },
  expiresAt: '2099-01-01T00:00:00.000Z',
});
const sold = (schemaVersion: number): NewEvent =>
  raw(
    'SeatSold',
    { reservationId: 's1.A-1-1.1', paymentId: 'pay.s1.A-1-1.1', userId: 'u1' },
    schemaVersion,
  );
const charged = (chargeId: string, balance: number, schemaVersion = 1): NewEvent =>
  raw(
    'BalanceCharged',
    { chargeId, amount: 100, currency: 'KRW', balance, at: '2026-01-01T00:00:00.000Z' },
    schemaVersion,
  );
const summary = (balance: number, schemaVersion = 2): NewEvent =>
  raw(
    'AccountSummarised',
    {
      ...{ currency: 'KRW', balance, held: 0, captured: 0, charges: [], payments: [] },
      latestAt: '2026-01-01T00:00:00.000Z',
    },
    schemaVersion,
  );

const failure = (running: Promise<unknown>): Promise<string> =>
  running.then(
    () => 'it did not fail',
    (error: Error) => error.message,
  );

describe('skipping an event that cannot be read', () => {
  let log: MemoryEventStore;
  const skip = (
    stream: string,
    revision: bigint,
    store: Pick<EventStore, 'readStream' | 'append'> = log,
  ) => {
    const id = log.log.find((one) => one.stream === stream && one.revision === revision)?.id ?? '';
    return skipEvent(store, { stream, revision, id }, { reason, nowMs: 0 });
  };
  const seats = (store: EventStore = log) => new CommandHandler(store, seatDecider);
  const accounts = (store: EventStore = log) => new CommandHandler(store, accountDecider);
  const typesOf = (stream: string) =>
    log.log.filter((one) => one.stream === stream).map(({ type }) => type);
  const cancel = (): Extract<SeatCommand, { type: 'CancelReservation' }> => ({
    type: 'CancelReservation',
    reservationId: 's1.A-1-1.1',
    nowMs: 0,
    refundUntilMs: Number.POSITIVE_INFINITY,
  });

  beforeEach(() => {
    log = new MemoryEventStore();
  });

  it('lets commands on its stream go on by the others', async () => {
    await log.append(seat, 'no_stream', [reserved, sold(2)]);
    const handler = seats();
    expect(await failure(handler.execute(seat, cancel(), context))).to.contain('1@seat-s1/A-1-1');
    expect(await skip(seat, 1n)).to.equal(true);
    for (const one of [handler, seats()]) {
      expect(await one.state(seat, { fresh: true })).to.include({ status: 'held', userId: 'u1' });
    }
    const cancelled = await handler.execute(seat, cancel(), context);
    expect(cancelled.ok).to.equal(true);
    expect(typesOf(seat)).to.deep.equal([
      'SeatReserved',
      'SeatSold',
      'EventSkipped',
      'SeatReleased',
    ]);
    expect(log.log.at(-1)?.data).to.include({ reason: 'cancelled' });
    const ref = { sessionId: 's1', seatId: 'A-1-1', ordinal: 1 };
    expect(await pastHold(log, ref)).to.include({ status: 'cancelled' });
  });

  it('is no skip until it is done, and of one event alone', async () => {
    await log.append(seat, 'no_stream', [reserved, sold(2), raw('Foreign', {})]);
    await skip(seat, 1n);
    expect(await failure(seats().state(seat, { fresh: true }))).to.contain(
      '2@seat-s1/A-1-1 (Foreign)',
    );
    await skip(seat, 2n);
    expect(await seats().state(seat, { fresh: true })).to.include({ status: 'held' });
  });

  it('counts for nothing in a version that can read it, too: it forgets what it remembers', async () => {
    await log.append(seat, 'no_stream', [reserved, sold(2)]);
    const handler = seats(newer(log));
    expect(await handler.state(seat, { fresh: true })).to.include({ status: 'sold' });
    await skip(seat, 1n);
    await handler.execute(seat, cancel(), context);
    expect(log.log.at(-1)?.data).to.include({ reason: 'cancelled' });
    expect(await seats(newer(log)).state(seat, { fresh: true })).to.include({ status: 'free' });
    const ref = { sessionId: 's1', seatId: 'A-1-1', ordinal: 1 };
    expect(await pastHold(newer(log), ref)).to.include({ status: 'cancelled' });
  });

  it('counts for nothing for who remembers what was before it', async () => {
    await log.append(seat, 'no_stream', [reserved]);
    const handler = seats();
    const remembered = { type: 'ExpireHold', reservationId: 's1.A-1-1.1', nowMs: 0 } as const;
    expect((await handler.execute(seat, remembered, context)).ok).to.equal(true);
    await log.append(seat, 0n, [sold(2)]);
    await skip(seat, 1n);
    expect((await handler.execute(seat, cancel(), context)).ok).to.equal(true);
    expect(log.log.at(-1)?.data).to.include({ reason: 'cancelled' });
  });

  it('is not in a summary that was made before it was skipped', async () => {
    const events = [charged('a', 100), charged('b', 200, 2), summary(200), charged('c', 300)];
    await log.append(account, 'no_stream', events);
    expect((await accounts(newer(log)).state(account, { fresh: true })).balance).to.equal(300);
    await skip(account, 1n);
    for (const store of [log, newer(log)]) {
      const state = await accounts(store).state(account, { fresh: true });
      expect(state.balance).to.equal(200);
      expect(state.charges.get('b')).to.equal(undefined);
    }
    await log.append(account, 4n, [summary(1_000)]);
    const later = await accounts().state(account, { fresh: true });
    expect(later.balance, 'a summary that came later counts').to.equal(1_000);
  });

  it('may be a summary: nothing is lost with it', async () => {
    const events = [charged('a', 100), summary(100), charged('b', 200), summary(7, 3)];
    await log.append(account, 'no_stream', events);
    expect(await failure(accounts().state(account, { fresh: true }))).to.contain('3@account-u1');
    await skip(account, 3n);
    expect((await accounts().state(account, { fresh: true })).balance).to.equal(200);
  });

  it('may be an event of another kind of stream, which no decider knows', async () => {
    await log.append(account, 'no_stream', [charged('a', 100), reserved]);
    const found = await failure(accounts().state(account, { fresh: true }));
    expect(found).to.contain('1@account-u1 (SeatReserved): its type does not belong');
    await skip(account, 1n);
    expect((await accounts().state(account, { fresh: true })).balance).to.equal(100);
  });

  describe('on a seat that was held again and again', () => {
    const holds = 40;
    const stream = 'seat-s1/A';
    const hold = (ordinal: number, schemaVersion = 1) =>
      raw(
        'SeatReserved',
        {
          ...{ reservationId: `s1.A.${ordinal}`, userId: `u${ordinal}`, price: 100 },
          ...{ currency: 'KRW', expiresAt: '2099-01-01T00:00:00.000Z' },
        },
        schemaVersion,
      );
    const end = (ordinal: number, schemaVersion = 1) =>
      raw(
        'SeatReleased',
        {
          ...{ reservationId: `s1.A.${ordinal}`, userId: `u${ordinal}` },
          ...{ reason: 'cancelled', currency: 'KRW' },
        },
        schemaVersion,
      );
    const ended = Array.from({ length: holds }, (_, n) => [hold(n + 1), end(n + 1)]).flat();
    /** The state as it is when nothing is whole, and all is read. */
    const { isWhole: _, ...plainDecider } = seatDecider;
    const agreed = async () => {
      const states = await Promise.all(
        [seatDecider, plainDecider].map((decider) =>
          new CommandHandler(log, decider).state(stream),
        ),
      );
      expect(states[0]).to.deep.equal(states[1]);
      return states[0];
    };
    const last = BigInt(2 * holds);

    it('may come after its last hold', async () => {
      await log.append(stream, 'no_stream', [...ended, hold(holds + 1), end(holds + 1, 2)]);
      expect(await failure(seats().state(stream))).to.contain(`${last + 1n}@${stream}`);
      await skip(stream, last + 1n);
      expect(await agreed()).to.include({ status: 'held', ordinal: holds + 1 });
    });

    it('may come before its last hold, which a newer version wrote', async () => {
      const later = [hold(holds + 2), end(holds + 2), hold(holds + 3)];
      await log.append(stream, 'no_stream', [
        ...ended,
        ...[hold(holds + 1, 2), end(holds + 1, 2)],
        ...later,
      ]);
      await skip(stream, last);
      expect(await failure(seats().state(stream)), 'the other one is not').to.contain(
        `${last + 1n}@${stream}`,
      );
      await skip(stream, last + 1n);
      expect(await agreed()).to.include({ status: 'held', ordinal: holds + 3 });
    });

    it('may be its last hold: the one before it tells the seat', async () => {
      await log.append(stream, 'no_stream', [...ended, hold(holds + 1, 2)]);
      await skip(stream, last);
      for (const store of [log, newer(log)]) {
        const state = await seats(store).state(stream);
        expect(state).to.include({ status: 'free', ordinal: holds });
      }
      await agreed();
    });

    it('leaves each other hold its answer', async () => {
      const [one, other] = [ended.slice(0, 2 * 20), ended.slice(2 * 20)];
      // Where the way to a later hold leads over what was skipped, and over its mark.
      await log.append(stream, 'no_stream', [...one, hold(21, 2)]);
      await skip(stream, 40n);
      await log.append(stream, 41n, other);
      for (const ordinal of [1, 2, 19, 20, 21, 22, 30, 38, 39, 40]) {
        for (const store of [log, newer(log)]) {
          const found = await pastHold(store, { sessionId: 's1', seatId: 'A', ordinal });
          expect(found, `${ordinal}`).to.include({ status: 'cancelled', userId: `u${ordinal}` });
        }
      }
    });
  });

  it('is refused for what can be read, is not there, has another id, or is no stream of ours', async () => {
    await log.append(seat, 'no_stream', [reserved, sold(2)]);
    await log.append('elsewhere-1', 'no_stream', [raw('Foreign', {})]);
    const refused = (stream: string, revision: bigint, id?: string) =>
      failure(lookAt(log, { stream, revision, id }));
    expect(await refused(seat, 0n)).to.contain('(SeatReserved) can be read');
    expect(await refused(seat, 2n)).to.contain('the log has no event 2@seat-s1/A-1-1');
    expect(await refused('seat-s1/A-1-9', 0n)).to.contain('the log has no event');
    expect(await refused(seat, 1n, 'other'))
      .to.contain('has the id ')
      .and.contain('not other');
    expect(await refused('elsewhere-1', 0n)).to.contain('no stream that the service decides by');
    await skip(seat, 1n);
    expect(await refused(seat, 2n), 'the mark').to.contain('can be read');
    expect(log.log.filter(({ type }) => type === 'EventSkipped')).to.have.length(1);
  });

  it('is done once, however often and by how many at once', async () => {
    await log.append(seat, 'no_stream', [reserved, sold(2)]);
    await Promise.all(Array.from({ length: 8 }, () => skip(seat, 1n)));
    expect(await skip(seat, 1n)).to.equal(false);
    expect(typesOf(seat)).to.deep.equal(['SeatReserved', 'SeatSold', 'EventSkipped']);
    expect((await readSkips(log)).size).to.equal(1);
  });

  it('is none when it is killed after it was announced, and is finished by the next try', async () => {
    await log.append(seat, 'no_stream', [reserved, sold(2)]);
    const killed = {
      readStream: log.readStream.bind(log),
      append: (...args: Parameters<EventStore['append']>) => {
        if (args[0] === seat) throw new Error('killed');
        return log.append(args[0], args[1], args[2]);
      },
    };
    expect(await failure(skip(seat, 1n, killed))).to.equal('killed');
    expect(typesOf(skippedStream)).to.deep.equal(['SkipAnnounced']);
    expect((await readSkips(log)).size).to.equal(0);
    expect(await failure(seats().state(seat, { fresh: true }))).to.contain('1@seat-s1/A-1-1');
    expect(await skip(seat, 1n)).to.equal(true);
    expect(typesOf(skippedStream), 'no other announcement').to.deep.equal(['SkipAnnounced']);
    expect((await readSkips(log)).size).to.equal(1);
  });

  it('is announced anew when somebody writes to the stream between', async () => {
    await log.append(seat, 'no_stream', [reserved, sold(2)]);
    let others = 0;
    const busy = {
      readStream: log.readStream.bind(log),
      append: async (...args: Parameters<EventStore['append']>) => {
        if (args[0] === seat && others < 3) {
          await log.append(seat, BigInt(1 + others), [raw('Foreign', {})]);
          others += 1;
        }
        return log.append(args[0], args[1], args[2]);
      },
    };
    expect(await skip(seat, 1n, busy)).to.equal(true);
    expect((await readAnnounced(log)).announced).to.have.length(4);
    expect([...(await readSkips(log))]).to.have.length(1);
    expect(typesOf(seat).at(-1)).to.equal('EventSkipped');
  });

  it('is refused when as many are skipped as may be', async () => {
    const data = {
      ...{ stream: 'order-1', revision: 0, eventId: 'e', position: '1' },
      ...{ markRevision: 1, markId: 'm' },
    };
    const many = Array.from({ length: skipsMax }, () => raw('SkipAnnounced', data));
    await log.append(skippedStream, 'no_stream', many);
    await log.append(seat, 'no_stream', [reserved, sold(2)]);
    expect(await failure(skip(seat, 1n))).to.contain('1000 events were skipped in this log');
    expect(typesOf(seat)).to.deep.equal(['SeatReserved', 'SeatSold']);
  });
});

describe('what it means to skip an event', () => {
  const consequence = (type: string, schemaVersion: unknown = 1) =>
    consequenceOf({ type, metadata: { schemaVersion } } as RecordedEvent);

  it('is said of each type that a stream has, and of those that are not known', () => {
    const silent = ['EventSkipped', 'SkipAnnounced'];
    const unknown = consequence('Foreign').words;
    for (const type of Object.keys(eventSchemas)) {
      if (silent.includes(type)) continue;
      expect(consequence(type).words, type).not.to.equal(unknown);
    }
    expect(consequence('Foreign').mayLose).to.equal(true);
    expect(consequence('toString').mayLose).to.equal(true);
  });

  it('may lose nothing of anybody’s where it is about nobody, or the service does it again', () => {
    const safe = Object.keys(eventSchemas).filter((type) => !consequence(type).mayLose);
    expect(safe).to.have.members([
      ...['ConcertRegistered', 'ConcertRevised', 'SessionRescheduled'],
      ...['AccountSummarised', 'AccountIndexed', 'AccountTotalled', 'QueueSteered', 'QueueMoved'],
      ...['PaymentCaptured', 'PaymentReleased', 'PaymentRefunded', 'OrderSettled'],
    ]);
  });

  it('may lose what a newer version says, whatever it is about', () => {
    const { mayLose, words } = consequence('ConcertRevised', 2);
    expect(mayLose).to.equal(true);
    expect(words).to.contain('a newer version of the service wrote it');
    expect(consequence('AccountSummarised', 2).mayLose).to.equal(false);
    expect(consequence('AccountSummarised', 3).mayLose).to.equal(true);
  });
});
