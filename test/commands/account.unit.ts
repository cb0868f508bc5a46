import { expect } from 'chai';
import fc from 'fast-check';
import { paymentsHeldMax } from '../../src/commands/account/bounds.ts';
import { type AccountCommand, accountDecider } from '../../src/commands/account/decider.ts';
import type { AccountState } from '../../src/commands/account/evolve.ts';
import { type AccountEvent, type EventOf, eventSchemas } from '../../src/events/events.ts';
import { decided, specify } from '../support/given-when-then.ts';

const given = specify(accountDecider);
const at = '2027-01-01T12:00:00.000Z';
const now = Date.parse(at);
const expiresAt = '2027-01-01T12:05:00.000Z';

const charge = (chargeId: string, amount: number): AccountCommand => ({
  type: 'ChargeBalance',
  chargeId,
  amount,
  currency: 'KRW',
  nowMs: now,
});
const charged = (chargeId: string, amount: number, balance: number): AccountEvent => ({
  type: 'BalanceCharged',
  data: { chargeId, amount, currency: 'KRW', balance, at },
});
const hold = (
  n: number,
  amount: number,
  currency = 'KRW',
): Extract<AccountCommand, { type: 'HoldPayment' }> => ({
  type: 'HoldPayment',
  paymentId: `pay.r${n}`,
  reservationId: `r${n}`,
  amount,
  currency,
  holdExpiresAtMs: Date.parse(expiresAt),
  nowMs: now,
});
const held = (n: number, amount: number, balance: number): AccountEvent => ({
  type: 'PaymentHeld',
  data: {
    paymentId: `pay.r${n}`,
    reservationId: `r${n}`,
    amount,
    currency: 'KRW',
    balance,
    holdExpiresAt: expiresAt,
    at,
  },
});
const refund = (n: number): AccountCommand => ({
  type: 'RefundPayment',
  paymentId: `pay.r${n}`,
  reservationId: `r${n}`,
  amount: 100,
  currency: 'KRW',
});
const capture = (n: number): AccountCommand => ({ type: 'CapturePayment', paymentId: `pay.r${n}` });
const release = (n: number): AccountCommand => ({
  type: 'ReleasePayment',
  paymentId: `pay.r${n}`,
  reason: 'hold-expired',
});
const captured = (n: number, amount: number): AccountEvent => ({
  type: 'PaymentCaptured',
  data: { paymentId: `pay.r${n}`, reservationId: `r${n}`, amount },
});
const releasedEvent = (n: number, amount: number): AccountEvent => ({
  type: 'PaymentReleased',
  data: { paymentId: `pay.r${n}`, reservationId: `r${n}`, amount, reason: 'hold-expired' },
});
const refunded = (n: number, amount: number): AccountEvent => ({
  type: 'PaymentRefunded',
  data: { paymentId: `pay.r${n}`, reservationId: `r${n}`, amount },
});

describe('an account', () => {
  it('is charged once a charge id, and answers again as the first time', () => {
    given([])
      .when(charge('c1', 500))
      .thenWrites([charged('c1', 500, 500)]);
    const again = given([charged('c1', 500, 500), charged('c2', 100, 600)])
      .when(charge('c1', 500))
      .thenWrites([]);
    expect(again.balance).to.equal(500);
  });

  it('refuses a charge id that charged another amount', () => {
    given([charged('c1', 500, 500)])
      .when(charge('c1', 501))
      .thenRefused('idempotency-key-reused');
  });

  it('refuses a charge beyond what numbers hold exactly, counting what is held', () => {
    const max = Number.MAX_SAFE_INTEGER;
    given([charged('c1', max - 1, max - 1)])
      .when(charge('c2', 2))
      .thenRefused('balance-too-large');
    given([charged('c1', max, max), held(1, 10, max - 10)])
      .when(charge('c2', 1))
      .thenRefused('balance-too-large');
  });

  it('refuses a charge as long as what was taken might not fit when it comes back', () => {
    const max = Number.MAX_SAFE_INTEGER;
    const taken = [charged('c1', max, max), held(1, 100, max - 100), captured(1, 100)];
    given(taken).when(charge('c2', 1)).thenRefused('balance-too-large');
    given(taken)
      .when(refund(1))
      .thenWrites([refunded(1, 100)]);
    given([...taken, refunded(1, 100)])
      .when(charge('c2', 1))
      .thenRefused('balance-too-large');
    given([summaryOf(taken)])
      .when(charge('c2', 1))
      .thenRefused('balance-too-large');
  });

  it('refuses a refund that would not fit, of an account that was charged further once', () => {
    const max = Number.MAX_SAFE_INTEGER;
    const taken = [charged('c1', 100, 100), held(1, 100, 0), captured(1, 100)];
    const full = [...taken, charged('c2', max, max)];
    given(full).when(refund(1)).thenRefused('balance-too-large');
    given([...full, held(2, 100, max - 100), captured(2, 100)])
      .when(refund(1))
      .thenWrites([refunded(1, 100)]);
  });

  it('holds money for a payment, all of it and no more', () => {
    given([charged('c1', 500, 500)])
      .when(hold(1, 500))
      .thenWrites([held(1, 500, 0)]);
    given([charged('c1', 500, 500)])
      .when(hold(1, 501))
      .thenRefused('balance-too-small');
    given([]).when(hold(1, 1)).thenRefused('balance-too-small');
  });

  it('counts what other payments hold, so that it is never negative', () => {
    given([charged('c1', 500, 500), held(1, 300, 200)])
      .when(hold(2, 201))
      .thenRefused('balance-too-small');
  });

  it('holds money for so many payments at once, and for another when one of them ended', () => {
    const n = paymentsHeldMax;
    const all = [
      charged('c', 5_000, 5_000),
      ...Array.from({ length: n }, (_, i) => held(i, 1, 4_999 - i)),
    ];
    given(all).when(hold(n, 1)).thenRefused('overloaded');
    given(all)
      .when(hold(n - 1, 1))
      .thenWrites([]);
    for (const end of [captured(0, 1), releasedEvent(0, 1)]) {
      const balance = 4_999 - n + (end.type === 'PaymentReleased' ? 1 : 0);
      given([...all, end])
        .when(hold(n, 1))
        .thenWrites([held(n, 1, balance)]);
    }
  });

  it('holds no money of another currency', () => {
    given([charged('c1', 500, 500)])
      .when(hold(1, 1, 'USD'))
      .thenRefused('balance-too-small');
  });

  it('answers a payment again as the first time, held or captured', () => {
    const history = [charged('c1', 500, 500), held(1, 100, 400), charged('c2', 50, 450)];
    expect(given(history).when(hold(1, 100)).thenWrites([]).balance).to.equal(400);
    expect(
      given([...history, captured(1, 100)])
        .when(hold(1, 100))
        .thenWrites([]).balance,
    ).to.equal(400);
  });

  it('does not hold again for a payment that was released', () => {
    given([charged('c1', 500, 500), held(1, 100, 400), releasedEvent(1, 100)])
      .when(hold(1, 100))
      .thenRefused('hold-expired');
  });

  it('resolves each hold exactly once', () => {
    const open = [charged('c1', 500, 500), held(1, 100, 400)];
    given(open)
      .when(capture(1))
      .thenWrites([captured(1, 100)]);
    given(open)
      .when(release(1))
      .thenWrites([releasedEvent(1, 100)]);
    given([...open, captured(1, 100)])
      .when(capture(1))
      .thenWrites([]);
    given([...open, captured(1, 100)])
      .when(release(1))
      .thenRefused('already-captured');
    given([...open, releasedEvent(1, 100)])
      .when(capture(1))
      .thenRefused('already-released');
    given([...open, releasedEvent(1, 100)])
      .when(release(1))
      .thenWrites([]);
  });

  it('gives released and refunded money back', () => {
    const open = [charged('c1', 500, 500), held(1, 100, 400)];
    given([...open, releasedEvent(1, 100)])
      .when(hold(2, 500))
      .thenWrites([held(2, 500, 0)]);
    given([...open, captured(1, 100), refunded(1, 100)])
      .when(hold(2, 500))
      .thenWrites([held(2, 500, 0)]);
    given([...open, captured(1, 100)])
      .when(hold(2, 401))
      .thenRefused('balance-too-small');
  });

  it('gives a payment’s money back once, whatever else came of it', () => {
    const open = [charged('c1', 500, 500), held(1, 100, 400)];
    // Sold and given back before the capture came to be written.
    given(open)
      .when(refund(1))
      .thenWrites([captured(1, 100), refunded(1, 100)]);
    given([...open, captured(1, 100)])
      .when(refund(1))
      .thenWrites([refunded(1, 100)]);
    given([...open, captured(1, 100), refunded(1, 100)])
      .when(refund(1))
      .thenWrites([]);
    given([...open, releasedEvent(1, 100)])
      .when(refund(1))
      .thenWrites([]);
  });

  it('is refunded by the seat’s word for a payment that a summary has left out', () => {
    const summary = summaryOf([charged('c1', 500, 500), held(1, 100, 400), captured(1, 100)]);
    const left = { ...summary, data: { ...summary.data, payments: [] } };
    given([left])
      .when(refund(1))
      .thenWrites([refunded(1, 100)]);
    given([left, refunded(1, 100)])
      .when(refund(1))
      .thenWrites([]);
  });

  it('does not capture, release or pay what was refunded', () => {
    const history = [
      charged('c1', 500, 500),
      held(1, 100, 400),
      captured(1, 100),
      refunded(1, 100),
    ];
    given(history).when(capture(1)).thenRefused('already-released');
    given(history).when(release(1)).thenRefused('already-released');
    given(history).when(hold(1, 100)).thenRefused('hold-expired');
  });

  it('does not hold money for a seat whose hold is over, or that a summary may have left out', () => {
    given([charged('c1', 500, 500)])
      .when({ ...hold(1, 100), nowMs: Date.parse(expiresAt) })
      .thenRefused('hold-expired');
    // It may be earlier than what is written down: then the hold is not over yet.
    const sooner = { ...hold(1, 100), nowMs: Date.parse(expiresAt), earliestMs: now };
    const decision = accountDecider.decide(sooner, fold([charged('c1', 500, 500)]));
    expect(decision.ok).to.equal(true);
    // A clock that is ahead.
    const later = '2027-01-01T12:06:00.001Z';
    const quick: AccountEvent = {
      type: 'BalanceCharged',
      data: { chargeId: 'c1', amount: 500, currency: 'KRW', balance: 500, at: later },
    };
    given([quick])
      .when(hold(1, 100))
      .thenWrites([held(1, 100, 400)]);
    const summary: AccountEvent = { type: 'AccountSummarised', data: summaryOf([quick]).data };
    given([summary]).when(hold(1, 100)).thenRefused('hold-expired');
    const leftOutBeforeMs = Date.parse(later) - 60_000;
    given([summary])
      .when({ ...hold(1, 100), provenAtMs: leftOutBeforeMs })
      .thenWrites([held(1, 100, 400)]);
    given([summary])
      .when({ ...hold(1, 100), provenAtMs: leftOutBeforeMs - 1 })
      .thenRefused('hold-expired');
  });
});

describe('a summarised account', () => {
  it('keeps what a retry can still ask for, and leaves out the rest', () => {
    const old: AccountEvent = {
      type: 'BalanceCharged',
      data: {
        chargeId: 'old',
        amount: 5,
        currency: 'KRW',
        balance: 5,
        at: '2026-12-30T11:59:59.999Z',
      },
    };
    const { data } = summaryOf([old, charged('new', 500, 505), held(1, 100, 405), held(2, 5, 400)]);
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
    const charges = Array.from({ length: 2_001 }, (_, i) => charged(`c${i}`, 1, i + 1));
    expect(typesOf(charges)).to.deep.equal(['AccountIndexed', 'AccountTotalled']);
    expect(typesOf(charges.slice(1))).to.deep.equal(['AccountSummarised']);
  });

  it('is told by its totals and an index when a summary would be larger than the store takes', () => {
    const of = (n: number) =>
      Array.from({ length: n }, (_, i) => charged(`${i}`.padEnd(200, '-'), 1, i + 1));
    expect(typesOf(of(2_000))).to.deep.equal(['AccountSummarised']);
    const payments = Array.from({ length: 1_500 }, (_, i) => held(i, 0, 1));
    const long = payments.map((event) => {
      const id = `${(event.data as { paymentId: string }).paymentId}`.padEnd(200, '-');
      return {
        ...event,
        data: { ...event.data, paymentId: id, reservationId: id },
      } as AccountEvent;
    });
    const all = [charged('c', 1, 1), ...long, ...long.map((_, i) => captured(i, 0))];
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
      const { type, data } = held(i, 1, 4_999 - i) as EventOf<'PaymentHeld'>;
      return { type, data: { ...data, reservationId, paymentId: `pay.${reservationId}` } };
    });
    const charges = Array.from({ length: 2_000 }, (_, i) => charged(`c${i}`, 10, 10 * (i + 1)));
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
          let nowMs = now;
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
      charged('c1', 500, 500),
      held(1, 100, 400),
      captured(1, 100),
      refunded(1, 100),
    ];
    const { data } = summaryOf(history);
    const forgetful = { ...data, payments: [] };
    const state = fold([{ type: 'AccountSummarised', data: forgetful }]);
    const decision = accountDecider.decide(refund(1), state);
    expect(decision.ok && decision.events.length).to.equal(1);
  });
});

const fold = (events: readonly AccountEvent[]) =>
  events.reduce(accountDecider.evolve, accountDecider.initial);

/** The state as the log gives it back from a summary alone. */
function again(state: AccountState): AccountState {
  const [event] = accountDecider.snapshot.of(state);
  if (event?.type !== 'AccountSummarised') throw new Error('not summed up');
  const data = eventSchemas.AccountSummarised.parse(JSON.parse(JSON.stringify(event.data)));
  return accountDecider.evolve(accountDecider.initial, { type: 'AccountSummarised', data });
}

function summaryOf(events: readonly AccountEvent[]): EventOf<'AccountSummarised'> {
  const [event] = accountDecider.snapshot.of(fold(events));
  if (event?.type !== 'AccountSummarised') throw new Error('not summed up');
  return event;
}

const endOf = (n: number): number => now + (n + 1) * 300_000;

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
