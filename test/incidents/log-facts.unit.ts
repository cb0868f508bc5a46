import { expect } from 'chai';
import type { LogFacts, Span } from '../../src/incidents/facts.ts';
import { LogFactsCollector } from '../../src/incidents/log-facts.ts';
import { WrittenLog } from './support/events.ts';
import { beganMs } from './support/sample.ts';

/** An incident of 100 s, with as much before and after. */
const span: Span = {
  ...{ beforeMs: beganMs - 100_000, beganMs },
  ...{ endedMs: beganMs + 100_000, afterMs: beganMs + 200_000 },
};

function factsOf(write: (log: WrittenLog) => void): LogFacts {
  const log = new WrittenLog();
  write(log);
  const facts = new LogFactsCollector(span);
  for (const event of log.events.sort((a, b) => a.createdMs - b.createdMs)) facts.see(event);
  return facts.conclude();
}

describe('what the log says of an incident', () => {
  it('counts sales before, during and after it, and none of other times', () => {
    const facts = factsOf((log) => {
      const times = [-150, -90, -50, -1, 50, 150, 160, 250];
      for (const [seat, seconds] of times.entries()) {
        log.reserve(seconds, `A-${seat}`, 'u1');
        log.sell(seconds, `A-${seat}`, 'u1');
      }
    });
    expect([facts.before.sold, facts.during.sold, facts.after.sold]).to.deep.equal([3, 1, 2]);
    expect(facts.before.soldPerMinute).to.equal(1.8);
    expect(facts.during.reserved).to.equal(1);
    expect(facts.series.sold.reduce((sum, n) => sum + n, 0)).to.equal(6);
  });

  it('names the longest silence, with the events on both sides of it', () => {
    const facts = factsOf((log) => {
      for (const [seat, seconds] of [-300, -20, 10, 12, 80, 81, 180].entries()) {
        log.reserve(seconds, `A-${seat}`, 'u1');
      }
    });
    const [longest] = facts.silences;
    expect(facts.silences.map(({ seconds }) => seconds)).to.deep.equal([99, 68, 30, 2, 1]);
    expect(longest?.from.event).to.equal('0@seat-s1/A-5');
    expect(longest?.until.event).to.equal('0@seat-s1/A-6');
  });

  it('counts the holds that ran out in it, and their buyers who bought later', () => {
    const facts = factsOf((log) => {
      log.reserve(-250, 'A-1', 'lost-before', 200);
      log.expire(-49, 'A-1', 'lost-before');
      log.reserve(-250, 'A-2', 'lost-1', 300);
      log.reserve(-240, 'A-3', 'lost-1', 300);
      log.reserve(-240, 'A-4', 'lost-2', 300);
      // The seats are given back late, because nothing could be written.
      for (const [seat, user] of [
        ['A-2', 'lost-1'],
        ['A-3', 'lost-1'],
        ['A-4', 'lost-2'],
      ] as const) {
        log.expire(130, seat, user);
      }
      log.reserve(140, 'A-9', 'lost-2');
      log.sell(141, 'A-9', 'lost-2');
      // Taken in it, and let go long after it.
      log.reserve(90, 'A-5', 'slow', 60);
      log.expire(151, 'A-5', 'slow');
    });
    expect(facts.holds).to.deep.include({
      ...{ ranOut: 3, buyers: 2, boughtLater: 1, ranOutBefore: 1 },
    });
    expect(facts.holds.listed[0]).to.deep.include({ reservationId: 's1.A-2.1', userId: 'lost-1' });
  });

  it('counts payments that were left half way, when they were settled, and which were not', () => {
    const facts = factsOf((log) => {
      for (const seat of ['A-1', 'A-2', 'A-3']) log.reserve(-10, seat, 'u1');
      log.hold(0, 'A-1', 'u1');
      log.capture(1, 'A-1', 'u1');
      log.hold(5, 'A-2', 'u1');
      log.capture(105, 'A-2', 'u1');
      log.hold(6, 'A-3', 'u1');
    });
    expect(facts.payments).to.deep.include({
      ...{ begun: 3, leftHalfWay: 2, unsettled: 1, longestSeconds: 100 },
    });
    const [settled, open] = facts.payments.listed;
    expect(settled).to.deep.include({
      ...{ paymentId: 'pay.s1.A-2.1', outcome: 'captured', seconds: 100 },
      requestId: 'request-of-A-2',
    });
    expect(open).to.deep.include({ paymentId: 'pay.s1.A-3.1', outcome: null, settledAt: null });
    expect(facts.money).to.deep.equal([
      { currency: 'KRW', charged: 0, held: 300, captured: 100, released: 0, refunded: 0 },
    ]);
  });

  it('goes on after an event that this version cannot read', () => {
    const facts = factsOf((log) => {
      log.reserve(10, 'A-1', 'u1');
      log.add(11, 'seat-s1/A-1', 'SeatSold', { reservationId: 's1.A-1.1' } as never);
      log.reserve(12, 'A-2', 'u1');
    });
    expect(facts.during).to.deep.include({ events: 3, reserved: 2, sold: 0 });
  });
});
