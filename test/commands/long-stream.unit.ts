import { randomUUID } from 'node:crypto';
import { expect } from 'chai';
import { accountDecider } from '../../src/commands/account/account.ts';
import type { NewEvent } from '../../src/commands/event-store.ts';
import { CommandHandler } from '../../src/commands/handle-command.ts';
import { seatDecider } from '../../src/commands/seat/seat.ts';
import { MemoryEventStore } from '../correctness/support/memory-event-store.ts';

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
    event: {
      type: 'BalanceCharged',
      data: {
        chargeId: `c${n}`,
        amount: 1,
        currency: 'KRW',
        balance: n + 1,
        at: new Date(0).toISOString(),
      },
    } as never,
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
    const { readStream } = store;
    store.readStream = async function* (stream, from = 0n) {
      if (from === 0n) reads += 1;
      await new Promise((resolve) => setTimeout(resolve, 20));
      yield* readStream.call(store, stream, from);
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
