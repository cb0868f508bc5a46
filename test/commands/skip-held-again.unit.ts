import { expect } from 'chai';
import { CommandHandler } from '../../src/commands/core/command-handler.ts';
import type { EventStore } from '../../src/commands/core/event-store.ts';
import { seatDecider } from '../../src/commands/seat/decider.ts';
import { pastHold } from '../../src/commands/seat/past-hold.ts';
import { newer } from '../correctness/support/newer-version.ts';
import { MemoryEventStore } from '../support/memory-event-store.ts';
import { failure, raw, skipAt } from './support/skipping.ts';

describe('skipping an event that cannot be read', () => {
  let log: MemoryEventStore;
  const skip = (stream: string, revision: bigint) => skipAt(log, stream, revision);
  const seats = (store: EventStore = log) => new CommandHandler(store, seatDecider);

  beforeEach(() => {
    log = new MemoryEventStore();
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
});
