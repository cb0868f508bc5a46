import { expect } from 'chai';
import { accountDecider } from '../../src/commands/account/decider.ts';
import { CommandHandler } from '../../src/commands/core/command-handler.ts';
import type { EventStore } from '../../src/commands/core/event-store.ts';
import { type SeatCommand, seatDecider } from '../../src/commands/seat/decider.ts';
import { pastHold } from '../../src/commands/seat/past-hold.ts';
import { lookAt } from '../../src/commands/skipping/skip-event.ts';
import { readAnnounced, readSkips, skipsMax } from '../../src/events/skipped.ts';
import { skippedStream } from '../../src/events/streams.ts';
import { newer } from '../correctness/support/newer-version.ts';
import { MemoryEventStore } from '../support/memory-event-store.ts';
import {
  account,
  charged,
  context,
  failure,
  raw,
  reserved,
  seat,
  skipAt,
  sold,
  summary,
} from './support/skipping.ts';

describe('skipping an event that cannot be read', () => {
  let log: MemoryEventStore;
  const skip = (
    stream: string,
    revision: bigint,
    store: Pick<EventStore, 'readStream' | 'append'> = log,
  ) => skipAt(log, stream, revision, store);
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
