import { randomUUID } from 'node:crypto';
import { expect } from 'chai';
import { type AccountCommand, accountDecider } from '../../src/commands/account/decider.ts';
import { CommandHandler } from '../../src/commands/core/command-handler.ts';
import { paymentCaptured, paymentHeld, paymentRefunded } from '../support/events.ts';
import type { MemoryEventStore } from '../support/memory-event-store.ts';
import {
  AccountLog,
  charge,
  chargedLog,
  charges,
  context,
  currency,
  dayMs,
  deciderOf,
  holdTimes,
  proof,
  restated,
  small,
  start,
  stream,
} from './support/account-log.ts';

describe('an account with more entries than one event tells', () => {
  const decider = deciderOf({ ...small, pages: { ...small.pages, entriesMax: 2_000 } }, 4);
  const handlerOn = (log: MemoryEventStore, of = decider) => new CommandHandler(log, of);

  it('is read after a restart from its totals, not whole', async () => {
    const log = await chargedLog(5_000);
    const first = handlerOn(log);
    for (let n = 0; n < 20; n++) await first.execute(stream, charge(`n${n}`, 1, start), context);
    expect(log.typed('AccountTotalled')).to.have.length.above(0);
    log.read = 0;
    const again = handlerOn(log);
    const result = await again.execute(stream, charge('new', 1, start), context);
    expect(result).to.have.nested.property('value.balance', 500_021);
    expect(log.read, 'events read').to.be.at.most(30);
    expect(proof(log)).to.deep.equal([]);
  });

  // Indexes have up to 533 kB. Several at once would keep other work waiting.
  it('reads its indexes one after the other', async () => {
    const log = await chargedLog(5_000);
    const of = deciderOf({ ...small, pages: { entriesMax: 1_000, smallMax: 5, fanOut: 3 } }, 4);
    const first = handlerOn(log, of);
    for (let n = 0; n < 40; n++) await first.execute(stream, charge(`n${n}`, 1, start), context);
    const totals = log.typed('AccountTotalled').at(-1)?.data as { indexes: number[] };
    expect(totals.indexes).to.have.length.above(4);
    log.readsAtOnce = 0;
    await handlerOn(log, of).execute(stream, charge('new', 1, start), context);
    expect(log.readsAtOnce).to.equal(1);
  });

  it('answers an old charge as the first time, by reading the events near it', async () => {
    const log = await chargedLog(5_000);
    const first = handlerOn(log);
    for (let n = 0; n < 20; n++) await first.execute(stream, charge(`n${n}`, 1, start), context);
    const written = log.log.length;
    for (const n of [0, 511, 512, 2_600, 4_999]) {
      const again = handlerOn(log);
      log.read = 0;
      const result = await again.execute(stream, charge(`old${n}`, 100, start), context);
      expect(result, `${n}`).to.have.nested.property('value.balance', 100 * (n + 1));
      expect(log.read).to.be.at.most(512 + 30);
      const other = await again.execute(stream, charge(`old${n}`, 101, start), context);
      expect(other).to.have.nested.property('refusal.code', 'idempotency-key-reused');
    }
    expect(log.log).to.have.length(written);
  });

  it('takes a charge for new whose id has the hash of an old one', async () => {
    // Found by trying: FNV-1a of both is the same.
    const [one, two] = sameHash();
    const log = new AccountLog();
    await log.fill([...charges(600), ...charges(1, one), ...charges(600, 'later')]);
    const handler = handlerOn(log);
    for (let n = 0; n < 20; n++) await handler.execute(stream, charge(`n${n}`, 1, start), context);
    log.read = 0;
    const known = await handler.execute(stream, charge(`${one}0`, 100, start), context);
    expect(known).to.have.nested.property('value.balance', 100);
    expect(log.read, 'read for the known one').to.be.above(0);
    log.read = 0;
    const before = (await handler.state(stream)).balance;
    const fresh = await handler.execute(stream, charge(`${two}0`, 7, start), context);
    expect(fresh).to.have.nested.property('value.balance', before + 7);
    expect(log.read, 'read for the new one').to.be.above(0);
  });

  it('is not decided on when an index that it names is gone, or is another event', async () => {
    for (const spoil of [
      (log: AccountLog) => Object.assign(log.typed('AccountIndexed')[0] ?? {}, { type: 'Foreign' }),
      (log: AccountLog) => {
        const eventId = randomUUID();
        const [type, at] = ['EventSkipped', new Date(start).toISOString()];
        const data = { revision: 0, eventId, type: 'Foreign', why: 'w', reason: 'r', at };
        Object.assign(log.typed('AccountIndexed')[0] ?? {}, { type, data });
      },
      (log: AccountLog) => {
        const named = log.typed('AccountIndexed')[0];
        const { readStream } = log;
        log.readStream = async function* (...args) {
          for await (const event of readStream.apply(log, args)) if (event !== named) yield event;
        };
      },
    ]) {
      const log = await chargedLog(1_500);
      const first = handlerOn(log);
      for (let n = 0; n < 9; n++) await first.execute(stream, charge(`n${n}`, 1, start), context);
      spoil(log);
      const before = log.log.length;
      const thrown = await handlerOn(log)
        .execute(stream, charge('new', 1, start), context)
        .catch((error: Error) => error.name);
      expect(thrown).to.equal('UnreadableEvent');
      expect(log.log).to.have.length(before);
    }
  });

  // Of an index that is kept for its many refunds alone nothing else counts: it would tell that a
  // payment was held, when the one that tells of its capture is gone.
  it('captures nothing twice when the index of the hold is kept and that of the capture is not', async () => {
    const log = new AccountLog();
    const of = deciderOf({ ...small, pages: { entriesMax: 1_000, smallMax: 5, fanOut: 3 } }, 4);
    const totals = () => log.typed('AccountTotalled').at(-1)?.data as { indexes: number[] };
    const handler = handlerOn(log, of);
    const run = (command: AccountCommand) => handler.execute(stream, command, context);
    const chargeFour = async (prefix: string, nowMs: number) => {
      for (let n = 0; n < 4; n++) await run(charge(`${prefix}${n}`, 1, nowMs));
    };
    const many = Array.from({ length: 800 }, (_, n) => n);
    let balance = 100 * 100;
    const payment = (n: number) => ({ paymentId: `p${n}`, reservationId: `r${n}`, amount: 10 });
    const held = (n: number) => {
      balance -= 10;
      return paymentHeld(payment(n), balance, holdTimes);
    };

    await log.fill([
      ...charges(100),
      ...many.flatMap((n) => [held(n), paymentCaptured(payment(n))]),
    ]);
    await chargeFour('a', start);
    balance += 4;
    await log.fill([held(999), ...many.map((n) => paymentRefunded(payment(n)))]);
    await chargeFour('b', start);
    const kept = totals().indexes.at(-1);
    await run({ type: 'CapturePayment', paymentId: 'p999' });
    await chargeFour('c', start);
    await chargeFour('d', start + 3 * dayMs);
    const { indexes } = totals();
    expect(indexes, 'the one with the refunds, and the newest').to.have.length(2);
    expect(indexes[0]).to.equal(kept);

    const written = log.log.length;
    const again = handlerOn(log, of);
    await again.execute(stream, { type: 'RefundPayment', ...payment(999), currency }, context);
    await again.execute(stream, { type: 'RefundPayment', ...payment(5), currency }, context);
    const types = log.log.slice(written).map(({ type }) => type);
    expect(types.filter((type) => type.startsWith('Payment'))).to.deep.equal(['PaymentRefunded']);
    expect(proof(log)).to.deep.equal([]);
  });

  it('reads, of the events near an old charge, only those that may name it', async () => {
    const unreadable = { data: { chargeId: 'old5' } };
    for (const [spoilt, as, says] of [
      ['old9', { data: { chargeId: 'old9' } }, 'answered'],
      ['old5', unreadable, 'UnreadableEvent'],
      ['old9', unreadable, 'UnreadableEvent'],
      ['old9', { data: null }, 'UnreadableEvent'],
      ['old9', { metadata: { schemaVersion: 9 } }, 'UnreadableEvent'],
      ['old9', { type: 'ChargedBackwards' }, 'UnreadableEvent'],
      ['old9', { type: 'SeatSold' }, 'UnreadableEvent'],
    ] as const) {
      const log = await new AccountLog().withCharges(600);
      const first = handlerOn(log);
      for (let n = 0; n < 9; n++) await first.execute(stream, charge(`n${n}`, 1, start), context);
      const event = log.log.find(({ data }) => (data as { chargeId?: string }).chargeId === spoilt);
      Object.assign(event ?? {}, as);
      const said = await handlerOn(log)
        .execute(stream, charge('old5', 100, start), context)
        .then(
          (result) => (result.ok && result.value.balance === 600 ? 'answered' : 'refused'),
          (error: Error) => error.name,
        );
      expect(said, `${spoilt} ${JSON.stringify(as)}`).to.equal(says);
    }
  });

  it('finds what a plain summary told before there were indexes', async () => {
    // The summary is in another block of the stream than what it tells of.
    const log = await chargedLog(1_000);
    const plain = handlerOn(log, deciderOf({ ...small, entriesMax: 2_000 }, 10));
    for (let n = 0; n < 40; n++) await plain.execute(stream, charge(`a${n}`, 1, start), context);
    expect(Number(log.typed('AccountSummarised').at(-1)?.revision)).to.be.above(1_024);
    await log.fill(
      charges(600, 'more').map((event, n) => restated(event, 100_040 + 100 * (n + 1))),
    );
    const first = handlerOn(log);
    for (let n = 0; n < 9; n++) await first.execute(stream, charge(`b${n}`, 1, start), context);
    expect(log.typed('AccountTotalled')).to.have.length.above(0);
    const result = await handlerOn(log).execute(stream, charge('old3', 100, start), context);
    expect(result).to.have.nested.property('value.balance', 400);
    expect(proof(log)).to.deep.equal([]);
  });

  it('knows a payment until totals leave it out, though a clock ahead has charged the account', async () => {
    const log = await chargedLog(1_500);
    const holdExpiresAtMs = start + 300_000;
    const hold = (nowMs: number, provenAtMs?: number): AccountCommand => ({
      type: 'HoldPayment',
      ...{ paymentId: 'p', reservationId: 'r', amount: 10, currency, holdExpiresAtMs, nowMs },
      ...(provenAtMs === undefined ? {} : { provenAtMs }),
    });
    const run = (command: AccountCommand, of = decider) =>
      handlerOn(log, of).execute(stream, command, context);
    await run(hold(start));
    await run({ type: 'CapturePayment', paymentId: 'p' });
    for (let n = 0; n < 9; n++) await run(charge(`a${n}`, 1, start));
    expect(log.typed('AccountTotalled')).to.have.length.above(0);
    const never = deciderOf(small, 1e6);
    await run(charge('ahead', 1, start + 3 * dayMs), never);
    const again = await run(hold(start), never);
    expect(again, 'it is paid already').to.have.nested.property('value.balance', 149_990);
    expect(log.typed('PaymentHeld')).to.have.length(1);
    // Totals by the clock that is ahead may leave it out, as a plain summary may.
    for (let n = 0; n < 9; n++) await run(charge(`b${n}`, 1, start + 3 * dayMs));
    const { leftOutBeforeMs } = await handlerOn(log).state(stream);
    expect(leftOutBeforeMs).to.equal(start + 3 * dayMs - 60_000);
    const other = { ...hold(start), paymentId: 'q', reservationId: 'q' } as AccountCommand;
    expect(await run(other)).to.have.nested.property('refusal.code', 'hold-expired');
    const provenAtMs = leftOutBeforeMs;
    expect(await run({ ...other, provenAtMs } as AccountCommand)).to.have.property('ok', true);
    expect(proof(log)).to.deep.equal([]);
  });

  it('writes each entry again a few times, however many there are', async () => {
    const log = new AccountLog();
    const bounds = { ...small, pages: { entriesMax: 4_000, smallMax: 16, fanOut: 4 } };
    const handler = handlerOn(log, deciderOf(bounds, 10));
    const count = 4_000;
    for (let n = 0; n < count; n++) {
      await handler.execute(stream, charge(`c${n}`, 1, start), context);
    }
    const pages = log.typed('AccountIndexed').map(({ data }) => data as { entries: string });
    const written = pages.reduce((sum, { entries }) => sum + (entries.length * 3) / 32, 0);
    expect(written / count, 'times').to.be.below(6);
    const last = log.typed('AccountTotalled').at(-1)?.data as { indexes: number[] } | undefined;
    expect(last?.indexes).to.have.length.below(16);
  });
});

describe('an account with a few entries', () => {
  it('is summed up by one event as ever, and reads nothing besides', async () => {
    const log = new AccountLog();
    const handler = new CommandHandler(log, accountDecider);
    for (let n = 0; n < 1_200; n++)
      await handler.execute(stream, charge(`c${n}`, 1, start), context);
    expect(log.typed('AccountSummarised')).to.have.length(2);
    expect(log.typed('AccountIndexed')).to.have.length(0);
    log.read = 0;
    await new CommandHandler(log, accountDecider).state(stream);
    expect(log.read).to.equal(201);
  });
});

/** Two texts such that FNV-1a of each with the same end is the same. */
function sameHash(): [string, string] {
  const seen = new Map<number, string>();
  for (let n = 0; ; n++) {
    const text = `x${n.toString(36)}-`;
    let hash = 0x811c9dc5;
    for (const char of text) hash = Math.imul(hash ^ char.charCodeAt(0), 0x01000193);
    const other = seen.get(hash);
    if (other !== undefined) return [other, text];
    seen.set(hash, text);
  }
}
