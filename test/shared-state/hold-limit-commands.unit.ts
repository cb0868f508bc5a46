import { expect } from 'chai';
import type { AppendResult, EventStore } from '../../src/commands/core/event-store.ts';
import type { HoldLimit, SeatClaim } from '../../src/commands/hold-limit/hold-limit.ts';
import { InProcessHoldLimit } from '../../src/shared-state/in-process-hold-limit.ts';
import { catalogOf, salesOn } from '../correctness/support/sale.ts';
import { MemoryEventStore } from '../support/memory-event-store.ts';

const catalog = catalogOf(['s'], 20);
const limitOf = { seats: 4 };

/**
 * A log on which the first append to a stream of this prefix can be made to wait until it is let
 * go.
 */
class SlowLog extends MemoryEventStore {
  #prefix: string | undefined;
  #reached = () => {};
  #isLetGo: Promise<void> | undefined;

  /** @returns what to await until the append waits, and what lets it go */
  holdBack(prefix: string): { isWaiting: Promise<void>; letGo: () => void } {
    let letGo = () => {};
    this.#prefix = prefix;
    this.#isLetGo = new Promise((resolve) => {
      letGo = resolve;
    });
    const isWaiting = new Promise<void>((resolve) => {
      this.#reached = resolve;
    });
    return { isWaiting, letGo };
  }

  override async append(...args: Parameters<MemoryEventStore['append']>): Promise<AppendResult> {
    if (this.#prefix !== undefined && args[0].startsWith(this.#prefix)) {
      this.#prefix = undefined;
      this.#reached();
      await this.#isLetGo;
    }
    return super.append(...args);
  }
}

describe('limit of held seats, as commands use it', () => {
  let commands = 0;
  let now = Date.UTC(2030, 0, 1);
  const log = () => new SlowLog();
  const reserver = (store: EventStore, limit: HoldLimit) => {
    const sales = salesOn(store, catalog, { limit, now: () => now++ });
    const reserve = (userId: string, ...numbers: number[]) => {
      commands += 1;
      const seatIds = numbers.map((n) => `A-1-${n}`);
      const context = { commandId: `command-${commands}` };
      return sales.reserve({ concertId: 'c1', sessionId: 's', seatIds, userId, context });
    };
    return { sales, reserve };
  };
  const newLimit = (): HoldLimit => new InProcessHoldLimit(limitOf.seats, () => now);

  /** How many seats the user can still have. */
  const room = async (reserve: ReturnType<typeof reserver>['reserve'], userId: string) => {
    for (let n = 0; n <= limitOf.seats; n++) {
      const result = await reserve(userId, 20 - n);
      if (result.ok) continue;
      expect(result.refusal.code).to.equal('too-many-seats');
      return n;
    }
    return limitOf.seats + 1;
  };

  // One request of a buyer wants seat 2 and gets it, another at the same time wants 2 and 3 and is
  // refused.
  const gets = [2];
  const inVain = [2, 3];
  for (const [first, slow, quick] of [
    ['the one that gets it', gets, inVain],
    ['the one in vain', inVain, gets],
  ] as const) {
    const roomAfterwards = async (limit: HoldLimit) => {
      const there = log();
      const [one, two] = [reserver(there, limit), reserver(there, limit)];
      expect((await two.reserve('other', 3)).ok).to.equal(true);
      const { isWaiting, letGo } = there.holdBack(slow === gets ? 'seat-' : 'order-');
      const slowly = one.reserve('u', ...slow);
      await isWaiting;
      expect((await two.reserve('u', ...quick)).ok).to.equal(quick === gets);
      letGo();
      expect((await slowly).ok).to.equal(slow === gets);
      return room(two.reserve, 'u');
    };

    it(`a seat asked for twice at once still counts, ${first} coming first and last`, async () => {
      expect(await roomAfterwards(newLimit()), 'one seat is held').to.equal(limitOf.seats - 1);
    });

    it(`would not if seats were given back instead of claims, ${first} coming first (negative control)`, async () => {
      const limit = newLimit();
      const claims: SeatClaim[] = [];
      const [take, withdraw] = [limit.take.bind(limit), limit.withdraw.bind(limit)];
      limit.take = (holder, claim) => {
        claims.push(claim);
        return take(holder, claim);
      };
      limit.withdraw = async (holder, { seatIds }) => {
        const there = claims.filter((claim) => claim.seatIds.some((id) => seatIds.includes(id)));
        for (const claim of there) await withdraw(holder, claim);
      };
      expect(await roomAfterwards(limit), 'and nothing counts').to.equal(limitOf.seats);
    });
  }

  it('a seat that another instance gave the buyer still counts when asked for in vain here', async () => {
    const limit = newLimit();
    const there = log();
    const [one, two] = [reserver(there, limit), reserver(there, limit)];
    // This instance remembers the seat as it was: free again.
    const before = await one.reserve('u', 5);
    if (!before.ok) throw new Error(before.refusal.detail);
    const { reservationId } = before.value;
    await one.sales.cancel({ userId: 'u', reservationId, context: { commandId: 'cancel' } });
    expect((await two.reserve('u', 5)).ok).to.equal(true);
    expect((await two.reserve('other', 4)).ok).to.equal(true);
    // Seats are taken in their order: the order is refused at 4 and never looks at 5.
    expect((await one.reserve('u', 4, 5)).ok).to.equal(false);
    expect(await room(two.reserve, 'u'), 'one seat is held').to.equal(limitOf.seats - 1);
  });

  it('a cancelled seat that the buyer took again meanwhile still counts', async () => {
    const limit = newLimit();
    const there = log();
    const { sales, reserve } = reserver(there, limit);
    const before = await reserve('u', 1);
    if (!before.ok) throw new Error(before.refusal.detail);
    const { reservationId } = before.value;
    const end = limit.end.bind(limit);
    limit.end = async (...args) => {
      expect((await reserve('u', 1)).ok).to.equal(true);
      await end(...args);
    };
    await sales.cancel({ userId: 'u', reservationId, context: { commandId: 'cancel' } });
    expect(await room(reserve, 'u'), 'one seat is held').to.equal(limitOf.seats - 1);
  });

  it('reserving again what one holds counts it no longer than it is held', async () => {
    const { sales, reserve } = reserver(log(), newLimit());
    const before = await reserve('u', 1);
    if (!before.ok) throw new Error(before.refusal.detail);
    const { reservationId } = before.value;
    expect((await reserve('u', 1)).ok).to.equal(true);
    await sales.cancel({ userId: 'u', reservationId, context: { commandId: 'cancel' } });
    expect(await room(reserve, 'u'), 'nothing is held').to.equal(limitOf.seats);
  });

  it('a refusal stays a refusal when its seats cannot be given back now', async () => {
    const limit = newLimit();
    limit.withdraw = () => Promise.reject(new Error('Redis is away'));
    const { reserve } = reserver(log(), limit);
    expect((await reserve('other', 1)).ok).to.equal(true);
    const refused = await reserve('u', 1);
    expect(!refused.ok && refused.refusal.code).to.equal('seat-taken');
  });
});
