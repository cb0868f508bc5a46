import { expect } from 'chai';
import { CommandHandler } from '../../src/commands/core/command-handler.ts';
import { newer } from '../correctness/support/newer-version.ts';
import {
  balanceCharged,
  paymentCaptured,
  paymentHeld,
  paymentRefunded,
} from '../support/events.ts';
import type { MemoryEventStore } from '../support/memory-event-store.ts';
import {
  AccountLog,
  charge,
  charges,
  context,
  currency,
  deciderOf,
  holdTimes,
  proof,
  skip,
  small,
  start,
  stream,
} from './support/account-log.ts';

describe('an account with more entries than one event tells', () => {
  const decider = deciderOf({ ...small, pages: { ...small.pages, entriesMax: 2_000 } }, 4);
  const handlerOn = (log: MemoryEventStore, of = decider) => new CommandHandler(log, of);

  it('does without an event that was skipped, before its indexes or after them, and what summed it up', async () => {
    const log = new AccountLog();
    const chargeMany = async (handler: ReturnType<typeof handlerOn>, prefix: string) => {
      for (let n = 0; n < 9; n++)
        expect(
          await handler.execute(stream, charge(`${prefix}${n}`, 1, start), context),
        ).to.have.property('ok', true);
    };
    const bad = (chargeId: string) => balanceCharged(chargeId, 7, 7, { at: holdTimes.at });
    const answers = async (handler: ReturnType<typeof handlerOn>) => {
      const old = await handler.execute(stream, charge('old3', 100, start), context);
      expect(old).to.have.nested.property('value.balance', 400);
      const near = await handler.execute(stream, charge('old1499', 100, start), context);
      expect(near).to.have.nested.property('value.balance', 150_000);
    };
    await log.fill(charges(1_500));
    // After an index.
    await chargeMany(handlerOn(log), 'a');
    await log.fill([bad('bad1')], 2);
    const failed = await handlerOn(log)
      .state(stream)
      .catch((error: Error) => error.name);
    expect(failed).to.equal('UnreadableEvent');
    await skip(log);
    await answers(handlerOn(log));
    const totals = log.typed('AccountTotalled').length;
    log.read = 0;
    await handlerOn(log).state(stream);
    expect(log.read, 'the totals that were before it count').to.be.at.most(30);
    // Before one, of a version that could read it.
    await log.fill([bad('bad2')], 2);
    const at = Number(log.log.at(-1)?.revision);
    await chargeMany(new CommandHandler(newer(log), decider), 'b');
    expect(log.typed('AccountTotalled')).to.have.length.above(totals);
    await skip(log, at);
    for (const store of [log, newer(log)]) {
      const handler = new CommandHandler(store, decider);
      expect(await handler.state(stream)).to.include({ balance: 150_018 });
      await answers(handler);
    }
    // Both are in blocks that the next index tells of.
    const handler = handlerOn(log);
    await chargeMany(handler, 'c');
    for (const store of [log, newer(log)]) {
      await answers(new CommandHandler(store, decider));
      const again = new CommandHandler(store, decider);
      log.read = 0;
      const told = await again.execute(stream, charge('a1', 1, start), context);
      expect(told).to.have.nested.property('value.balance', 150_002);
      expect(log.read).to.be.at.most(600);
    }
    const fresh = await handlerOn(log).execute(stream, charge('bad2', 7, start), context);
    expect(fresh).to.have.nested.property('value.balance', 150_034);
    expect(proof(log)).to.deep.equal([]);
  });

  it('refunds again what a summary says is refunded because of an event that was skipped', async () => {
    const log = new AccountLog();
    const payment = { paymentId: 'p', reservationId: 'r', amount: 10 };
    await log.fill([
      ...charges(600),
      paymentHeld(payment, 59_990, holdTimes),
      paymentCaptured(payment),
    ]);
    await log.fill([paymentRefunded(payment)], 2);
    const plain = deciderOf({ ...small, entriesMax: 2_000 }, 4);
    const other = new CommandHandler(newer(log), plain);
    for (let n = 0; n < 4; n++) await other.execute(stream, charge(`a${n}`, 1, start), context);
    expect(log.typed('AccountSummarised')).to.have.length(1);
    await skip(log, 602);
    const handler = handlerOn(log);
    for (let n = 0; n < 9; n++) await handler.execute(stream, charge(`b${n}`, 1, start), context);
    expect(log.typed('AccountTotalled')).to.have.length.above(0);
    const refund = { type: 'RefundPayment', ...payment, currency } as const;
    for (let n = 0; n < 2; n++) await handlerOn(log).execute(stream, refund, context);
    expect(log.typed('PaymentRefunded')).to.have.length(2);
    expect(await handlerOn(log).state(stream)).to.include({ balance: 60_013, captured: 0 });
    expect(proof(log)).to.deep.equal([]);
  });

  it('goes on from the totals before those that were skipped', async () => {
    const of = deciderOf(small, 4);
    let merged = 0;
    for (let count = 20; count < 60; count++) {
      const log = new AccountLog();
      const chargeMany = async (prefix: string, upTo: number) => {
        const handler = handlerOn(log, of);
        for (let n = 0; n < upTo; n++)
          await handler.execute(stream, charge(`${prefix}${n}`, 1, start), context);
      };
      await chargeMany('a', count);
      const last = log.log.at(-1);
      if (last?.type !== 'AccountTotalled') continue;
      const index = log.typed('AccountIndexed').at(-1)?.data as { from: number } | undefined;
      const before = log.typed('AccountTotalled').at(-2)?.data as { indexes: number[] } | undefined;
      if (Number(index?.from) < (before?.indexes.at(-1) ?? 0)) merged += 1;
      // As a newer version writes them.
      Object.assign(last, { metadata: { schemaVersion: 2 } });
      await skip(log);
      await chargeMany('b', 30);
      for (const id of ['a0', 'a9', `a${count - 1}`, 'b0']) {
        const told = await handlerOn(log, of).execute(stream, charge(id, 1, start), context);
        const balance = Number(id.slice(1)) + 1 + (id === 'b0' ? count : 0);
        expect(told, `${id} of ${count}`).to.have.nested.property('value.balance', balance);
      }
      expect(proof(log), `${count}`).to.deep.equal([]);
    }
    expect(merged, 'whose index was written over older ones').to.be.above(0);
  });
});
