import { expect } from 'chai';
import type { Refusal, Result } from '../../src/commands/core/result.ts';
import { type FairUse, soldKeptMs } from '../../src/commands/hold-limit/hold-limit.ts';
import type { Sales } from '../../src/commands/sales/sales.ts';
import { InProcessHoldLimit } from '../../src/shared-state/in-process-hold-limit.ts';
import { catalogOf, holdMs, salesOn } from '../correctness/support/sale.ts';
import { MemoryEventStore } from '../support/memory-event-store.ts';

const catalog = catalogOf(['s', 't', 'r'], 20);
const againMs = 60_000;

describe('fair use, as commands keep to it', () => {
  let nowMs: number;
  let store: MemoryEventStore;
  let sales: Sales;
  let commands = 0;
  /** What the read models say of `u` in session `s`. */
  let shown: string[];

  const open = (rules: Partial<FairUse> = {}): void => {
    const limit = new InProcessHoldLimit({ heldMax: 8, holdMs, againMs, ...rules }, () => nowMs);
    const bought = rules.boughtMax === undefined ? undefined : async () => shown;
    sales = salesOn(store, catalog, { limit, bought, now: () => nowMs });
  };
  beforeEach(() => {
    nowMs = Date.UTC(2030, 0, 1);
    store = new MemoryEventStore();
    shown = [];
    open();
  });

  const context = () => {
    commands += 1;
    return { commandId: `command-${commands}` };
  };
  const reserve = (numbers: readonly number[], sessionId = 's', userId = 'u') => {
    const seatIds = numbers.map((n) => `A-1-${n}`);
    return sales.reserve({ concertId: 'c1', sessionId, seatIds, userId, context: context() });
  };
  const held = async (...args: Parameters<typeof reserve>): Promise<string> => {
    const result = await reserve(...args);
    if (!result.ok) throw new Error(result.refusal.detail);
    return result.value.reservationId;
  };
  const refusal = (result: Result<unknown>): Refusal => {
    if (result.ok) throw new Error('it was not refused');
    return result.refusal;
  };
  const cancel = (reservationId: string, userId = 'u') =>
    sales.cancel({ userId, reservationId, context: context() });

  for (const [what, seats] of [
    ['a seat', [1]],
    ['an order', [1, 2]],
  ] as const) {
    it(`who lets ${what} lapse holds it again after the pause, and is told when; others at once`, async () => {
      const id = await held(seats);
      nowMs += holdMs;
      // As the sweeper and the process that settles orders do.
      await sales.expire(id);
      if (seats.length > 1) await sales.settleOrder(id);
      const { code, detail, retryAfterSeconds } = refusal(await reserve(seats));
      expect([code, retryAfterSeconds]).to.deep.equal(['hold-again-later', 60]);
      expect(detail).to.match(/seat A-1-1 .* try again in 60 s/);
      await cancel(await held(seats, 's', 'other'), 'other');
      nowMs += againMs;
      await held(seats);
    });

    it(`who gives ${what} back and takes it again has it no longer for it`, async () => {
      for (let n = 0; n < 3; n++) {
        const id = await held(seats);
        nowMs += holdMs / 2 - 1;
        expect((await cancel(id)).ok).to.equal(true);
      }
      expect(refusal(await reserve(seats)).code).to.equal('hold-again-later');
    });
  }

  it('who pays meets no pause, also after a refund', async () => {
    await sales.charge({ userId: 'u', chargeId: 'c', amount: 1_000, context: context() });
    const reservationId = await held([1]);
    nowMs += holdMs - 1;
    expect((await sales.pay({ userId: 'u', reservationId, context: context() })).ok).to.equal(true);
    await new Promise(setImmediate);
    nowMs += 1;
    expect((await cancel(reservationId)).ok).to.equal(true);
    await held([1]);
  });

  it('an order that came to nothing leaves no pause behind', async () => {
    await held([2], 's', 'other');
    expect(refusal(await reserve([1, 2])).code).to.equal('seat-taken');
    nowMs += holdMs;
    await held([1, 2]);
  });

  it('seats of all sessions together are limited, and the refusal says when there is room', async () => {
    open({ heldTotalMax: 4 });
    await held([1, 2], 's');
    nowMs += 10_000;
    const last = await held([1, 2], 't');
    const { code, detail, retryAfterSeconds } = refusal(await reserve([1], 'r'));
    expect([code, retryAfterSeconds]).to.deep.equal(['too-many-held', 290]);
    expect(detail).to.match(/at most 4 seats .* try again in 290 s/);
    await cancel(last);
    await held([1, 2], 'r');
  });

  it('what is held and bought of a session is limited, by what the read models show and what they do not show yet', async () => {
    open({ boughtMax: 3 });
    await sales.charge({ userId: 'u', chargeId: 'c', amount: 1_000, context: context() });
    const reservationId = await held([1, 2]);
    expect(refusal(await reserve([3, 4]))).to.include({
      code: 'too-many-bought',
      retryAfterSeconds: holdMs / 1_000,
    });
    await sales.pay({ userId: 'u', reservationId, context: context() });
    await new Promise(setImmediate);
    expect(refusal(await reserve([3, 4]))).not.to.have.property('retryAfterSeconds');
    // Another instance, or this one started anew, knows it from the tables.
    nowMs += soldKeptMs;
    shown = ['A-1-1', 'A-1-2'];
    open({ boughtMax: 3 });
    expect(refusal(await reserve([3, 4])).code).to.equal('too-many-bought');
    await cancel(await held([3]));
    await cancel(reservationId);
    shown = [];
    await held([3, 4, 5]);
  });
});
