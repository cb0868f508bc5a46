import { expect } from 'chai';
import { paymentsHeldMax } from '../../src/commands/account/bounds.ts';
import { accountDecider } from '../../src/commands/account/decider.ts';
import type { AccountEvent } from '../../src/events/events.ts';
import { DeciderSpec } from '../support/decider-spec.ts';
import {
  atMs,
  balanceCharged,
  holdEndsAtMs,
  paymentCaptured,
  paymentHeld,
  paymentRefunded,
  paymentReleased,
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

const { given } = new DeciderSpec(accountDecider);

describe('an account', () => {
  it('is charged once a charge id, and answers again as the first time', () => {
    given([])
      .when(charge('c1', 500))
      .thenWrites([balanceCharged('c1', 500, 500)]);
    const again = given([balanceCharged('c1', 500, 500), balanceCharged('c2', 100, 600)])
      .when(charge('c1', 500))
      .thenWrites([]);
    expect(again.balance).to.equal(500);
  });

  it('refuses a charge id that charged another amount', () => {
    given([balanceCharged('c1', 500, 500)])
      .when(charge('c1', 501))
      .thenRefused('idempotency-key-reused');
  });

  it('refuses a charge beyond what numbers hold exactly, counting what is held', () => {
    const max = Number.MAX_SAFE_INTEGER;
    given([balanceCharged('c1', max - 1, max - 1)])
      .when(charge('c2', 2))
      .thenRefused('balance-too-large');
    given([balanceCharged('c1', max, max), paymentHeld(payment(1, 10), max - 10)])
      .when(charge('c2', 1))
      .thenRefused('balance-too-large');
  });

  it('refuses a charge as long as what was taken might not fit when it comes back', () => {
    const max = Number.MAX_SAFE_INTEGER;
    const taken = [
      balanceCharged('c1', max, max),
      paymentHeld(payment(1, 100), max - 100),
      paymentCaptured(payment(1, 100)),
    ];
    given(taken).when(charge('c2', 1)).thenRefused('balance-too-large');
    given(taken)
      .when(refund(1))
      .thenWrites([paymentRefunded(payment(1, 100))]);
    given([...taken, paymentRefunded(payment(1, 100))])
      .when(charge('c2', 1))
      .thenRefused('balance-too-large');
    given([summaryOf(taken)])
      .when(charge('c2', 1))
      .thenRefused('balance-too-large');
  });

  it('refuses a refund that would not fit, of an account that was charged further once', () => {
    const max = Number.MAX_SAFE_INTEGER;
    const taken = [
      balanceCharged('c1', 100, 100),
      paymentHeld(payment(1, 100), 0),
      paymentCaptured(payment(1, 100)),
    ];
    const full = [...taken, balanceCharged('c2', max, max)];
    given(full).when(refund(1)).thenRefused('balance-too-large');
    given([...full, paymentHeld(payment(2, 100), max - 100), paymentCaptured(payment(2, 100))])
      .when(refund(1))
      .thenWrites([paymentRefunded(payment(1, 100))]);
  });

  it('holds money for a payment, all of it and no more', () => {
    given([balanceCharged('c1', 500, 500)])
      .when(hold(1, 500))
      .thenWrites([paymentHeld(payment(1, 500), 0)]);
    given([balanceCharged('c1', 500, 500)])
      .when(hold(1, 501))
      .thenRefused('balance-too-small');
    given([]).when(hold(1, 1)).thenRefused('balance-too-small');
  });

  it('counts what other payments hold, so that it is never negative', () => {
    given([balanceCharged('c1', 500, 500), paymentHeld(payment(1, 300), 200)])
      .when(hold(2, 201))
      .thenRefused('balance-too-small');
  });

  it('holds money for so many payments at once, and for another when one of them ended', () => {
    const n = paymentsHeldMax;
    const all = [
      balanceCharged('c', 5_000, 5_000),
      ...Array.from({ length: n }, (_, i) => paymentHeld(payment(i, 1), 4_999 - i)),
    ];
    given(all).when(hold(n, 1)).thenRefused('overloaded');
    given(all)
      .when(hold(n - 1, 1))
      .thenWrites([]);
    for (const end of [paymentCaptured(payment(0, 1)), paymentReleased(payment(0, 1))]) {
      const balance = 4_999 - n + (end.type === 'PaymentReleased' ? 1 : 0);
      given([...all, end])
        .when(hold(n, 1))
        .thenWrites([paymentHeld(payment(n, 1), balance)]);
    }
  });

  it('holds no money of another currency', () => {
    given([balanceCharged('c1', 500, 500)])
      .when(hold(1, 1, 'USD'))
      .thenRefused('balance-too-small');
  });

  it('answers a payment again as the first time, held or captured', () => {
    const history = [
      balanceCharged('c1', 500, 500),
      paymentHeld(payment(1, 100), 400),
      balanceCharged('c2', 50, 450),
    ];
    expect(given(history).when(hold(1, 100)).thenWrites([]).balance).to.equal(400);
    expect(
      given([...history, paymentCaptured(payment(1, 100))])
        .when(hold(1, 100))
        .thenWrites([]).balance,
    ).to.equal(400);
  });

  it('does not hold again for a payment that was released', () => {
    given([
      balanceCharged('c1', 500, 500),
      paymentHeld(payment(1, 100), 400),
      paymentReleased(payment(1, 100)),
    ])
      .when(hold(1, 100))
      .thenRefused('hold-expired');
  });

  it('resolves each hold exactly once', () => {
    const open = [balanceCharged('c1', 500, 500), paymentHeld(payment(1, 100), 400)];
    given(open)
      .when(capture(1))
      .thenWrites([paymentCaptured(payment(1, 100))]);
    given(open)
      .when(release(1))
      .thenWrites([paymentReleased(payment(1, 100))]);
    given([...open, paymentCaptured(payment(1, 100))])
      .when(capture(1))
      .thenWrites([]);
    given([...open, paymentCaptured(payment(1, 100))])
      .when(release(1))
      .thenRefused('already-captured');
    given([...open, paymentReleased(payment(1, 100))])
      .when(capture(1))
      .thenRefused('already-released');
    given([...open, paymentReleased(payment(1, 100))])
      .when(release(1))
      .thenWrites([]);
  });

  it('gives released and refunded money back', () => {
    const open = [balanceCharged('c1', 500, 500), paymentHeld(payment(1, 100), 400)];
    given([...open, paymentReleased(payment(1, 100))])
      .when(hold(2, 500))
      .thenWrites([paymentHeld(payment(2, 500), 0)]);
    given([...open, paymentCaptured(payment(1, 100)), paymentRefunded(payment(1, 100))])
      .when(hold(2, 500))
      .thenWrites([paymentHeld(payment(2, 500), 0)]);
    given([...open, paymentCaptured(payment(1, 100))])
      .when(hold(2, 401))
      .thenRefused('balance-too-small');
  });

  it('gives a payment’s money back once, whatever else came of it', () => {
    const open = [balanceCharged('c1', 500, 500), paymentHeld(payment(1, 100), 400)];
    // Sold and given back before the capture came to be written.
    given(open)
      .when(refund(1))
      .thenWrites([paymentCaptured(payment(1, 100)), paymentRefunded(payment(1, 100))]);
    given([...open, paymentCaptured(payment(1, 100))])
      .when(refund(1))
      .thenWrites([paymentRefunded(payment(1, 100))]);
    given([...open, paymentCaptured(payment(1, 100)), paymentRefunded(payment(1, 100))])
      .when(refund(1))
      .thenWrites([]);
    given([...open, paymentReleased(payment(1, 100))])
      .when(refund(1))
      .thenWrites([]);
  });

  it('is refunded by the seat’s word for a payment that a summary has left out', () => {
    const summary = summaryOf([
      balanceCharged('c1', 500, 500),
      paymentHeld(payment(1, 100), 400),
      paymentCaptured(payment(1, 100)),
    ]);
    const left = { ...summary, data: { ...summary.data, payments: [] } };
    given([left])
      .when(refund(1))
      .thenWrites([paymentRefunded(payment(1, 100))]);
    given([left, paymentRefunded(payment(1, 100))])
      .when(refund(1))
      .thenWrites([]);
  });

  it('does not capture, release or pay what was refunded', () => {
    const history = [
      balanceCharged('c1', 500, 500),
      paymentHeld(payment(1, 100), 400),
      paymentCaptured(payment(1, 100)),
      paymentRefunded(payment(1, 100)),
    ];
    given(history).when(capture(1)).thenRefused('already-released');
    given(history).when(release(1)).thenRefused('already-released');
    given(history).when(hold(1, 100)).thenRefused('hold-expired');
  });

  it('does not hold money for a seat whose hold is over, or that a summary may have left out', () => {
    given([balanceCharged('c1', 500, 500)])
      .when({ ...hold(1, 100), nowMs: holdEndsAtMs })
      .thenRefused('hold-expired');
    // It may be earlier than what is written down: then the hold is not over yet.
    const sooner = { ...hold(1, 100), nowMs: holdEndsAtMs, earliestMs: atMs };
    const decision = accountDecider.decide(sooner, fold([balanceCharged('c1', 500, 500)]));
    expect(decision.ok).to.equal(true);
    // A clock that is ahead.
    const later = '2027-01-01T12:06:00.001Z';
    const quick = balanceCharged('c1', 500, 500, { at: later });
    given([quick])
      .when(hold(1, 100))
      .thenWrites([paymentHeld(payment(1, 100), 400)]);
    const summary: AccountEvent = { type: 'AccountSummarised', data: summaryOf([quick]).data };
    given([summary]).when(hold(1, 100)).thenRefused('hold-expired');
    const leftOutBeforeMs = Date.parse(later) - 60_000;
    given([summary])
      .when({ ...hold(1, 100), provenAtMs: leftOutBeforeMs })
      .thenWrites([paymentHeld(payment(1, 100), 400)]);
    given([summary])
      .when({ ...hold(1, 100), provenAtMs: leftOutBeforeMs - 1 })
      .thenRefused('hold-expired');
  });
});
