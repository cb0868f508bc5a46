import { randomUUID } from 'node:crypto';
import { expect } from 'chai';
import { accountDecider } from '../../src/commands/account/decider.ts';
import { CommandHandler } from '../../src/commands/core/command-handler.ts';
import type { NewEvent } from '../../src/commands/core/event-store.ts';
import { requestDecider } from '../../src/commands/idempotency/decider.ts';
import { seatDecider } from '../../src/commands/seat/decider.ts';
import { pastHold } from '../../src/commands/seat/past-hold.ts';
import { CountingLog } from '../support/counting-log.ts';
import { balanceCharged } from '../support/events.ts';
import { MemoryEventStore } from '../support/memory-event-store.ts';

const context = { commandId: 'test' };
const length = 4_000;

/** Counts how often others had their turn meanwhile. */
async function turnsDuring(work: () => Promise<unknown>): Promise<number> {
  let turns = 0;
  let isOver = false;
  const turn = () => {
    turns += 1;
    if (!isOver) setImmediate(turn);
  };
  setImmediate(turn);
  await work();
  isOver = true;
  return turns;
}

describe('a long stream', () => {
  const charged = (n: number): NewEvent => ({
    id: randomUUID(),
    event: balanceCharged(`c${n}`, 1, n + 1),
    metadata: { schemaVersion: 1, command: 'test', commandId: 'test' },
  });

  it('is made into a state in steps, between which others have their turn', async () => {
    const store = new MemoryEventStore();
    const events = Array.from({ length }, (_, n) => charged(n));
    await store.append('account-u1', 'no_stream', events);
    const handler = new CommandHandler(store, accountDecider);
    const charge = { chargeId: 'new', amount: 1, currency: 'KRW', nowMs: 0 };
    const turns = await turnsDuring(async () => {
      const result = await handler.execute(
        'account-u1',
        { type: 'ChargeBalance', ...charge },
        context,
      );
      expect(result).to.have.nested.property('value.balance', length + 1);
    });
    // Read in steps, and folded in steps; after the last one there is nothing to wait for.
    expect(turns).to.be.at.least((2 * length) / 200 - 1);
  });

  it('is read once by all who wait for it, and on from there', async () => {
    const store = new MemoryEventStore();
    let reads = 0;
    const { readBackwards } = store;
    store.readBackwards = async function* (stream) {
      reads += 1;
      await new Promise((resolve) => setTimeout(resolve, 20));
      yield* readBackwards.call(store, stream);
    };
    const writer = new CommandHandler(store, seatDecider, { assumeNew: true });
    const hold = {
      type: 'ReserveSeat',
      ...{ sessionId: 's1', seatId: 'A', userId: 'u1', price: 1 },
      ...{ currency: 'KRW', nowMs: 0, expiresAtMs: 1_000 },
    } as const;
    await writer.execute('seat-s1/A', hold, context);
    const end = { type: 'ExpireHold', reservationId: 's1.A.1', nowMs: 2_000 } as const;
    await writer.execute('seat-s1/A', end, context);
    const handler = new CommandHandler(store, seatDecider, { assumeNew: true });
    const states = await Promise.all(
      Array.from({ length: 30 }, (_, n) => handler.state('seat-s1/A', { fresh: n % 2 === 0 })),
    );
    expect(states.map(({ status }) => status)).to.deep.equal(Array(30).fill('free'));
    expect(reads).to.equal(1);
  });
});

describe('a seat that was held a thousand times', () => {
  const stream = 'seat-s1/A';
  const reserve = (n: number) =>
    ({
      type: 'ReserveSeat',
      ...{ sessionId: 's1', seatId: 'A', userId: `u${n}`, price: 1, currency: 'KRW' },
      ...{ nowMs: n, expiresAtMs: n + 1 },
    }) as const;
  const holds = 1_000;
  let log: CountingLog;

  /** Each third hold is paid and refunded. */
  beforeEach(async () => {
    log = new CountingLog();
    const writer = new CommandHandler(log, seatDecider, { assumeNew: true });
    for (let n = 1; n <= holds; n++) {
      const reservationId = `s1.A.${n}`;
      await writer.execute(stream, reserve(n), context);
      if (n % 3 === 0) {
        const sell = { type: 'SellSeat', reservationId, paymentId: 'p', nowMs: n } as const;
        await writer.execute(stream, sell, context);
      }
      const refundUntilMs = Number.POSITIVE_INFINITY;
      const cancel = { type: 'CancelReservation', reservationId, nowMs: n, refundUntilMs } as const;
      await writer.execute(stream, cancel, context);
    }
    log.read = 0;
  });

  it('is read back to its last hold, and no further', async () => {
    const handler = new CommandHandler(log, seatDecider, { assumeNew: true });
    const result = await handler.execute(stream, reserve(holds + 1), context);
    expect(result).to.have.nested.property('value.ordinal', holds + 1);
    expect(log.read, 'the last hold, how it ended, and the first event').to.equal(3);
  });

  it('is the same seat as when all of it is read', async () => {
    const { isWhole: _, ...rest } = seatDecider;
    for (let n = 0; n < 4; n++) {
      const states = await Promise.all(
        [seatDecider, rest].map((decider) => new CommandHandler(log, decider).state(stream)),
      );
      expect(states[0]).to.deep.equal(states[1]);
      const writer = new CommandHandler(log, seatDecider);
      if (n % 2 === 0) await writer.execute(stream, reserve(holds + n), context);
      else {
        const over = { type: 'ExpireHold', nowMs: 1e6 } as const;
        const ordinal = states[0]?.ordinal ?? 0;
        await writer.execute(stream, { ...over, reservationId: `s1.A.${ordinal}` }, context);
      }
    }
  });

  it('is not decided on when its beginning is gone', async () => {
    for (const cutBefore of [1n, 2_000n]) {
      log.cutBefore = cutBefore;
      const handler = new CommandHandler(log, seatDecider, { assumeNew: true });
      const thrown = await handler
        .execute(stream, reserve(holds + 1), context)
        .catch((error: Error) => error.message);
      expect(thrown).to.match(/does not begin at its beginning/);
    }
  });

  it('answers for each of its holds by a few events', async () => {
    for (const n of [1, 16, 17, 18, 500, 700, 998, 999]) {
      log.read = 0;
      const hold = await pastHold(log, { sessionId: 's1', seatId: 'A', ordinal: n });
      const status = n % 3 === 0 ? 'refunded' : 'cancelled';
      expect(hold, `${n}`).to.include({ reservationId: `s1.A.${n}`, status, userId: `u${n}` });
      expect(log.read, `events read for ${n}`).to.be.at.most(70);
    }
  });
});

describe('a request whose key was given up a thousand times', () => {
  it('is read back to the last time', async () => {
    const log = new CountingLog();
    const writer = new CommandHandler(log, requestDecider);
    const start = { type: 'StartRequest', fingerprint: 'f' } as const;
    for (let nowMs = 0; nowMs < 1_000; nowMs++) {
      await writer.execute('request-1', { ...start, nowMs }, context);
      await writer.execute('request-1', { type: 'AbandonRequest', startedMs: nowMs }, context);
    }
    log.read = 0;
    const handler = new CommandHandler(log, requestDecider);
    const result = await handler.execute('request-1', { ...start, nowMs: 1_000 }, context);
    expect(result).to.have.nested.property('value.status', 'started');
    expect(log.read, 'the last event and the first').to.equal(2);
  });
});
