import { expect } from 'chai';
import { requestOverMs } from '../../src/commands/core/deadline.ts';
import { EventStoreUnavailable } from '../../src/commands/core/event-store.ts';
import type { Sales } from '../../src/commands/sales/sales.ts';
import { UnreadableEvent } from '../../src/events/codec.ts';
import { InProcessHoldLimit } from '../../src/shared-state/in-process-hold-limit.ts';
import { QueueUnavailable } from '../../src/shared-state/queue-unavailable.ts';
import { catalogOf, salesOn } from '../correctness/support/sale.ts';
import { MemoryEventStore } from '../support/memory-event-store.ts';

const seatsMax = 4;
const catalog = catalogOf(['s'], 20);

interface Fault {
  /** Of the streams to which the next append fails. */
  readonly prefix: string;
  readonly isWritten: boolean;
  /** What the error says. */
  readonly wroteNothing: boolean;
}

/** A log whose appends and reads can be made to fail. */
class FaultyLog extends MemoryEventStore {
  next: Fault | undefined;
  isAway = false;

  override async append(...args: Parameters<MemoryEventStore['append']>) {
    if (this.isAway) throw new EventStoreUnavailable('away', undefined, { wroteNothing: true });
    const fault = this.next;
    if (fault === undefined || !args[0].startsWith(fault.prefix)) return super.append(...args);
    this.next = undefined;
    if (fault.isWritten) await super.append(...args);
    throw new EventStoreUnavailable('a fault', undefined, fault);
  }

  override readStream(...args: Parameters<MemoryEventStore['readStream']>) {
    if (this.isAway) throw new EventStoreUnavailable('away');
    return super.readStream(...args);
  }

  override readBackwards(...args: Parameters<MemoryEventStore['readBackwards']>) {
    if (this.isAway) throw new EventStoreUnavailable('away');
    return super.readBackwards(...args);
  }
}

/** A reservation of so many seats. */
const sizes = { 'one seat': [1], 'an order': [1, 2] } as const;

describe('the claim of a reservation that ended in a 503', () => {
  let log: FaultyLog;
  let limit: InProcessHoldLimit;
  let nowMs: number;
  let sales: Sales;
  let leftOver: string[];
  let commands = 0;
  beforeEach(() => {
    log = new FaultyLog();
    nowMs = Date.UTC(2030, 0, 1);
    limit = new InProcessHoldLimit(seatsMax, () => nowMs);
    leftOver = [];
    const onLeftOver = (what: string) => leftOver.push(what);
    sales = salesOn(log, catalog, { limit, now: () => nowMs, onLeftOver });
  });

  const reserve = (userId: string, numbers: readonly number[], deadlineMs?: number) => {
    commands += 1;
    const seatIds = numbers.map((n) => `A-1-${n}`);
    const context = { commandId: `command-${commands}`, ...(deadlineMs && { deadlineMs }) };
    return sales.reserve({ concertId: 'c1', sessionId: 's', seatIds, userId, context });
  };
  const fails = async (work: Promise<unknown>) => {
    expect(await work.catch((error) => error)).to.be.instanceOf(EventStoreUnavailable);
  };
  /** How many seats the user can still have, of those up to this one; they are had afterwards. */
  const room = async (userId = 'u', last = 20) => {
    for (let n = 0; n <= seatsMax; n++) {
      const result = await reserve(userId, [last - n]);
      if (!result.ok) return n;
    }
    return seatsMax + 1;
  };
  /** What the process does, after so many milliseconds. @returns how many are still in doubt */
  const settle = async (afterMs = requestOverMs) => {
    nowMs += afterMs;
    const inDoubt = await sales.claimsInDoubt(nowMs - requestOverMs, 1_000);
    const settled = await Promise.all(inDoubt.map((doubt) => sales.settleClaim(doubt)));
    return settled.filter((isSettled) => !isSettled).length;
  };

  for (const [size, seats] of Object.entries(sizes)) {
    const prefix = seats.length === 1 ? 'seat-' : 'order-';

    it(`is withdrawn at once when nothing was sent: ${size}`, async () => {
      log.next = { prefix, isWritten: false, wroteNothing: true };
      await fails(reserve('u', seats));
      expect(await sales.claimsInDoubt(nowMs, 10)).to.deep.equal([]);
      expect(await room()).to.equal(seatsMax);
    });

    it(`is withdrawn at once when no time was left: ${size}`, async () => {
      await fails(reserve('u', seats, performance.now()));
      expect(await room()).to.equal(seatsMax);
    });

    it(`stays while the outcome is not known, and is withdrawn once nothing can come of it: ${size}`, async () => {
      log.next = { prefix, isWritten: false, wroteNothing: false };
      await fails(reserve('u', seats));
      expect(await settle(requestOverMs - 1), 'too early to ask').to.equal(0);
      expect(await sales.claimsInDoubt(nowMs, 10)).to.have.length(1);
      await settle(1);
      expect(await sales.claimsInDoubt(nowMs, 10)).to.deep.equal([]);
      expect(await room()).to.equal(seatsMax);
    });
  }

  it('stays when the seat is held after all', async () => {
    log.next = { prefix: 'seat-', isWritten: true, wroteNothing: false };
    await fails(reserve('u', [1]));
    await settle();
    expect(await sales.claimsInDoubt(nowMs, 10)).to.deep.equal([]);
    expect(await room(), 'one seat is held').to.equal(seatsMax - 1);
  });

  it('would let the buyer have too many if it went although the outcome is not known (negative control)', async () => {
    log.next = { prefix: 'seat-', isWritten: true, wroteNothing: true };
    await fails(reserve('u', [1]));
    expect(await room(), 'and one seat is held besides').to.equal(seatsMax);
  });

  it('of an order stays once it was placed, and ends with the order', async () => {
    log.next = { prefix: 'seat-s/A-1-2', isWritten: false, wroteNothing: true };
    await fails(reserve('u', [1, 2]));
    await settle();
    expect(await reserve('u', [3, 4, 5]), 'two seats count').to.deep.include({ ok: false });
    const [placed] = log.log.filter(({ type }) => type === 'OrderPlaced');
    const order = placed?.data as { reservationId: string } | undefined;
    expect(await sales.settleOrder(order?.reservationId ?? '')).to.equal(true);
    expect(await room()).to.equal(seatsMax);
  });

  it('is asked for again until the log answers', async () => {
    log.next = { prefix: 'seat-', isWritten: false, wroteNothing: false };
    await fails(reserve('u', [1]));
    log.isAway = true;
    expect(await settle()).to.equal(1);
    log.isAway = false;
    expect(await settle(0)).to.equal(0);
    expect(await room()).to.equal(seatsMax);
  });

  it('is not asked for any more once its hold would have ended', async () => {
    log.next = { prefix: 'seat-', isWritten: false, wroteNothing: false };
    await fails(reserve('u', [1]));
    nowMs += 86_400_000;
    expect(await sales.claimsInDoubt(nowMs, 10)).to.deep.equal([]);
  });

  it('goes for those in line behind a request without an answer, whose own stays', async () => {
    const other = log.append.bind(log);
    let letGo = () => {};
    const waits = new Promise<void>((resolve) => {
      letGo = resolve;
    });
    log.append = async () => {
      log.append = other;
      await waits;
      throw new EventStoreUnavailable('no answer', undefined, { wroteNothing: false });
    };
    const first = fails(reserve('u', [1]));
    await new Promise((resolve) => setImmediate(resolve));
    const behind = fails(reserve('v', [1]));
    await new Promise((resolve) => setImmediate(resolve));
    letGo();
    await Promise.all([first, behind]);
    expect(await room('v'), 'behind').to.equal(seatsMax);
    expect(await room('u', 15), 'in front').to.equal(seatsMax - 1);
  });

  it('is withdrawn when the seat’s stream cannot be read', async () => {
    log.readBackwards = () => {
      const event = { stream: 'seat-s/A-1-1', revision: 0n, type: 'SeatGilded' };
      throw new UnreadableEvent(event as never, 'unknown type');
    };
    expect((await reserve('other', [1])).ok).to.equal(true);
    sales = salesOn(log, catalog, { limit, now: () => nowMs });
    const error = await reserve('u', [1]).catch((reason) => reason);
    expect(error).to.be.instanceOf(UnreadableEvent);
    expect(await room()).to.equal(seatsMax);
  });

  it('is withdrawn when the limit’s answer came too late', async () => {
    const take = limit.take.bind(limit);
    limit.take = async (...args) => {
      limit.take = take;
      await take(...args);
      throw new QueueUnavailable('no answer in time');
    };
    const error = await reserve('u', [1]).catch((reason) => reason);
    expect(error).to.be.instanceOf(QueueUnavailable);
    expect(await room()).to.equal(seatsMax);
    expect(leftOver).to.deep.equal([]);
  });
});
