import { expect } from 'chai';
import type { EventStore } from '../../src/commands/core/event-store.ts';
import type { Sales } from '../../src/commands/sales/sales.ts';
import { catalogOf, salesOn } from '../correctness/support/sale.ts';
import { eventually } from '../support/eventually.ts';
import { MemoryEventStore } from '../support/memory-event-store.ts';

const hour = 3_600_000;
/** Events after which an account is summed up. */
const everyEvents = 500;

describe('an account that an instance an hour ahead has charged', () => {
  let store: MemoryEventStore;
  let right: Sales;
  let ahead: Sales;

  const instance = (aheadMs: number, on: EventStore = store) =>
    salesOn(on, catalogOf(['s1'], 5), { now: () => Date.now() + aheadMs });
  const charge = (sales: Sales, n: number) =>
    sales.charge({ userId: 'u1', chargeId: `c${n}`, amount: 1_000_000, context: command() });
  const reserved = async (sales: Sales, seatIds: readonly string[]) => {
    const asked = { concertId: 'c1', sessionId: 's1', seatIds, userId: 'u1', context: command() };
    const result = await sales.reserve(asked);
    if (!result.ok) throw new Error(result.refusal.detail);
    return result.value.reservationId;
  };
  const pay = async (sales: Sales, reservationId: string) => {
    const paid = await sales.pay({ userId: 'u1', reservationId, context: command() });
    return paid.ok ? 'paid' : paid.refusal.code;
  };
  const count = (type: string) => store.log.filter((event) => event.type === type).length;

  beforeEach(() => {
    store = new MemoryEventStore();
    right = instance(0);
    ahead = instance(hour);
  });

  it('pays what is held by the clock of a right one', async () => {
    await charge(ahead, 1);
    expect(await pay(right, await reserved(right, ['A-1-1']))).to.equal('paid');
    expect(await pay(right, await reserved(right, ['A-1-2', 'A-1-3']))).to.equal('paid');
  });

  it('pays it also when the account was summed up by the clock that is ahead', async () => {
    for (let n = 0; n < everyEvents; n += 1) await charge(ahead, n);
    expect(count('AccountSummarised')).to.equal(1);
    expect(await pay(right, await reserved(right, ['A-1-1']))).to.equal('paid');
    expect(await pay(right, await reserved(right, ['A-1-2', 'A-1-3']))).to.equal('paid');
    await eventually('both are captured', () => count('PaymentCaptured') === 2);
  });

  it('does not pay twice what a summary left out, though an instance believes that it is held', async () => {
    await charge(ahead, -1);
    const reservationId = await reserved(right, ['A-1-1']);
    const other = instance(0);
    expect(await pay(other, reservationId)).to.equal('paid');
    await eventually('it is captured', () => count('PaymentCaptured') === 1);
    for (let n = 0; n < everyEvents; n += 1) await charge(ahead, n);
    expect(count('AccountSummarised')).to.equal(1);
    expect(await pay(right, reservationId)).to.equal('paid');
    expect(count('PaymentHeld'), 'its money is taken once').to.equal(1);
    expect(count('PaymentCaptured')).to.equal(1);
  });
});

const command = () => ({ commandId: 'test' });
