import { randomUUID } from 'node:crypto';
import { expect } from 'chai';
import { MemoryEventStore } from '../support/memory-event-store.ts';
import { catalogOf, holdMs, salesOn } from './support/sale.ts';

describe('an order of free seats and one that is taken', () => {
  const store = new MemoryEventStore();
  let nowMs = Date.now();
  const sales = salesOn(store, catalogOf(['s1'], 10), { now: () => nowMs });
  const reserve = (userId: string, ...seatIds: string[]) =>
    sales.reserve({
      ...{ concertId: 'c1', sessionId: 's1', seatIds, userId },
      context: { commandId: randomUUID() },
    });

  it('writes nothing, however often it comes, and free seats stay free', async () => {
    expect((await reserve('first', 'A-1-4')).ok).to.equal(true);
    const written = store.log.length;
    for (let n = 0; n < 20; n += 1) {
      const result = await reserve('second', 'A-1-1', 'A-1-2', 'A-1-3', 'A-1-4');
      expect(result).to.have.nested.property('refusal.code', 'seat-taken');
      expect(result).to.have.nested.property('refusal.detail', 'A-1-4: the seat is held');
    }
    expect(store.log).to.have.lengthOf(written);
    expect((await reserve('third', 'A-1-1', 'A-1-2')).ok).to.equal(true);
  });

  it('is placed when another instance gave the seat back, or its hold is over', async () => {
    expect((await reserve('first', 'B-1-4')).ok).to.equal(true);
    const elsewhere = salesOn(store, catalogOf(['s1'], 10), { now: () => nowMs });
    const context = { commandId: randomUUID() };
    const given = await elsewhere.cancel({ userId: 'first', reservationId: 's1.B-1-4.1', context });
    expect(given.ok).to.equal(true);
    expect((await reserve('second', 'B-1-3', 'B-1-4')).ok).to.equal(true);
    nowMs += holdMs;
    expect((await reserve('third', 'A-1-3', 'A-1-4')).ok).to.equal(true);
  });
});
