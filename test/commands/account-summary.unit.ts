import { expect } from 'chai';
import fc from 'fast-check';
import { paymentsHeldMax } from '../../src/commands/account/bounds.ts';
import { type AccountCommand, accountDecider } from '../../src/commands/account/decider.ts';
import type { AccountState } from '../../src/commands/account/evolve.ts';
import { type AccountEvent, type EventOf, eventSchemas } from '../../src/events/events.ts';
import { decided } from '../support/decider-spec.ts';
import {
  atMs,
  balanceCharged,
  paymentCaptured,
  paymentHeld,
  paymentRefunded,
} from '../support/events.ts';
import {
  capture,
  charge,
  fold,
  hold,
  payment,
  refund,
  release,
  summaryOf,
} from './support/account-commands.ts';

describe('a summarised account', () => {
  it('keeps what a retry can still ask for, and leaves out the rest', () => {
    const old = balanceCharged('old', 5, 5, { at: '2026-12-30T11:59:59.999Z' });
    const { data } = summaryOf([
      old,
      balanceCharged('new', 500, 505),
      paymentHeld(payment(1, 100), 405),
      paymentHeld(payment(2, 5), 400),
    ]);
    expect(data).to.include({ balance: 400, held: 105 });
    expect(data.charges.map(({ chargeId }) => chargeId)).to.deep.equal(['new']);
    expect(data.payments.map(({ paymentId }) => paymentId).sort()).to.deep.equal([
      'pay.r1',
      'pay.r2',
    ]);
  });

  const typesOf = (events: readonly AccountEvent[]) =>
    accountDecider.snapshot.of(fold(events)).map(({ type }) => type);

  it('is told by its totals and an index when too much of it is recent', () => {
    const charges = Array.from({ length: 2_001 }, (_, i) => balanceCharged(`c${i}`, 1, i + 1));
    expect(typesOf(charges)).to.deep.equal(['AccountIndexed', 'AccountTotalled']);
    expect(typesOf(charges.slice(1))).to.deep.equal(['AccountSummarised']);
  });

  it('is told by its totals and an index when a summary would be larger than the store takes', () => {
    const of = (n: number) =>
      Array.from({ length: n }, (_, i) => balanceCharged(`${i}`.padEnd(200, '-'), 1, i + 1));
    expect(typesOf(of(2_000))).to.deep.equal(['AccountSummarised']);
    const payments = Array.from({ length: 1_500 }, (_, i) => paymentHeld(payment(i, 0), 1));
    const long = payments.map((event) => {
      const id = `${(event.data as { paymentId: string }).paymentId}`.padEnd(200, '-');
      return {
        ...event,
        data: { ...event.data, paymentId: id, reservationId: id },
      } as AccountEvent;
    });
    const all = [
      balanceCharged('c', 1, 1),
      ...long,
      ...long.map((_, i) => paymentCaptured(payment(i, 0))),
    ];
    const ended = all.map((event) =>
      event.type === 'PaymentCaptured'
        ? {
            ...event,
            data: { ...event.data, paymentId: event.data.paymentId.padEnd(200, '-') },
          }
        : event,
    );
    expect(typesOf(ended)).to.deep.equal(['AccountIndexed', 'AccountTotalled']);
    // What holds money must be told; so much of it does not fit.
    expect(typesOf(ended.slice(0, 1_501))).to.deep.equal([]);
  });

  it('tells as many payments that hold money as there may be, whatever their ids, and counts them', () => {
    const n = paymentsHeldMax;
    const payments = Array.from({ length: n }, (_, i) => {
      const reservationId = `${'s'.repeat(64)}.${'a'.repeat(64)}.${100_000_000 + i}`;
      const { type, data } = paymentHeld(payment(i, 1), 4_999 - i) as EventOf<'PaymentHeld'>;
      return { type, data: { ...data, reservationId, paymentId: `pay.${reservationId}` } };
    });
    const charges = Array.from({ length: 2_000 }, (_, i) =>
      balanceCharged(`c${i}`, 10, 10 * (i + 1)),
    );
    const state = fold([...charges, ...payments]);
    const told = accountDecider.snapshot.of(state);
    expect(told.map(({ type }) => type)).to.deep.equal(['AccountIndexed', 'AccountTotalled']);
    for (const read of [told.reduce(accountDecider.evolve, state), fold(told.slice(1)), state]) {
      expect(accountDecider.decide(hold(n, 1), read)).to.have.nested.property(
        'refusal.code',
        'overloaded',
      );
    }
  });

  it('decides exactly as the one that is not, wherever the summaries are', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(command, fc.nat(90_000), fc.boolean()), { maxLength: 60 }),
        (steps) => {
          let nowMs = atMs;
          let whole = accountDecider.initial;
          let summarised = accountDecider.initial;
          for (const [make, laterMs, sumUp] of steps) {
            nowMs += laterMs;
            if (sumUp) summarised = again(summarised);
            const asked = make(nowMs);
            if (!mayCome(asked, whole, nowMs)) continue;
            const decision = decided(accountDecider, asked, whole);
            expect(decided(accountDecider, asked, summarised)).to.deep.equal(decision);
            if (!decision.ok) continue;
            whole = decision.events.reduce(accountDecider.evolve, whole);
            summarised = decision.events.reduce(accountDecider.evolve, summarised);
          }
        },
      ),
      { numRuns: 500 },
    );
  });

  it('negative control: a summary that forgets refunds decides otherwise', () => {
    const history = [
      balanceCharged('c1', 500, 500),
      paymentHeld(payment(1, 100), 400),
      paymentCaptured(payment(1, 100)),
      paymentRefunded(payment(1, 100)),
    ];
    const { data } = summaryOf(history);
    const forgetful = { ...data, payments: [] };
    const state = fold([{ type: 'AccountSummarised', data: forgetful }]);
    const decision = accountDecider.decide(refund(1), state);
    expect(decision.ok && decision.events.length).to.equal(1);
  });
});

/** The state as the log gives it back from a summary alone. */
function again(state: AccountState): AccountState {
  const [event] = accountDecider.snapshot.of(state);
  if (event?.type !== 'AccountSummarised') throw new Error('not summed up');
  const data = eventSchemas.AccountSummarised.parse(JSON.parse(JSON.stringify(event.data)));
  return accountDecider.evolve(accountDecider.initial, { type: 'AccountSummarised', data });
}

const endOf = (n: number): number => atMs + (n + 1) * 300_000;

/** Any command on one of a few charges and payments. */
const command = fc
  .record({
    type: fc.constantFrom('charge', 'hold', 'capture', 'release', 'refund'),
    n: fc.nat(4),
    amount: fc.constantFrom(100, 200),
  })
  .map(({ type, n, amount }) => (nowMs: number): AccountCommand & { n: number } => {
    switch (type) {
      case 'charge':
        return { ...charge(`c${n}`, amount), nowMs, n } as AccountCommand & { n: number };
      case 'hold':
        return { ...hold(n, 100), holdExpiresAtMs: endOf(n), nowMs, n };
      case 'capture':
        return { ...capture(n), n };
      case 'release':
        return { ...release(n), n };
      default:
        return { ...refund(n), n };
    }
  });

/**
 * What the seat's stream lets come: a refund of what was sold to the payment, at any time;
 * everything else while the hold lasts and a minute after it, or while the money is held.
 */
function mayCome(asked: AccountCommand & { n: number }, state: AccountState, nowMs: number) {
  if (asked.type === 'ChargeBalance') return true;
  const status = state.payments.get(`pay.r${asked.n}`)?.status;
  if (asked.type === 'RefundPayment') return status !== undefined && status !== 'released';
  return status === 'held' || nowMs <= endOf(asked.n) + 60_000;
}
