import { randomUUID } from 'node:crypto';
import { expect } from 'chai';
import fc from 'fast-check';
import { type AccountCommand, accountDecider } from '../../src/commands/account/decider.ts';
import type { AccountState } from '../../src/commands/account/evolve.ts';
import { type SnapshotBounds, takeSnapshot } from '../../src/commands/account/snapshot.ts';
import { CommandHandler } from '../../src/commands/core/command-handler.ts';
import { skipEvent } from '../../src/commands/skipping/skip-event.ts';
import { decode, type RecordedEvent } from '../../src/events/codec.ts';
import type { AccountEvent } from '../../src/events/events.ts';
import { Findings } from '../../src/verify/finding.ts';
import { LogProof } from '../../src/verify/log-proof.ts';
import { Skipped, skipIn } from '../../src/verify/skipped.ts';
import { newer } from '../correctness/support/newer-version.ts';
import { CountingLog } from '../support/counting-log.ts';
import { decided } from '../support/given-when-then.ts';
import type { MemoryEventStore } from '../support/memory-event-store.ts';

const stream = 'account-u1';
const context = { commandId: 'test' };
const start = Date.UTC(2027, 0, 1);
const currency = 'KRW';
const dayMs = 86_400_000;

/** An account with a few entries is a long one by these. */
const small: SnapshotBounds = {
  entriesMax: 5,
  bytesMax: 640 * 1024,
  pages: { entriesMax: 40, smallMax: 5, fanOut: 2 },
};

const deciderOf = (bounds: SnapshotBounds, everyEvents: number): typeof accountDecider => ({
  ...accountDecider,
  snapshot: {
    ...accountDecider.snapshot,
    everyEvents,
    of: (state) => takeSnapshot(state, bounds),
  },
});

const charge = (chargeId: string, amount: number, nowMs: number): AccountCommand => ({
  type: 'ChargeBalance',
  ...{ chargeId, amount, currency, nowMs },
});

class AccountLog extends CountingLog {
  typed(type: string) {
    return this.log.filter((event) => event.type === type);
  }

  /** Writes what no handler decided, 1,000 events at a time. */
  async fill(events: readonly AccountEvent[], schemaVersion = 1): Promise<void> {
    for (let at = 0; at < events.length; at += 1_000) {
      const before = this.log.findLast((one) => one.stream === stream)?.revision ?? 'no_stream';
      const some = events.slice(at, at + 1_000).map((event) => ({
        id: randomUUID(),
        event,
        metadata: { schemaVersion },
      }));
      expect((await this.append(stream, before, some)).ok).to.equal(true);
    }
  }
}

/** Puts the stream's event at a revision, or the last one, out of effect. */
async function skip(log: MemoryEventStore, revision?: number): Promise<void> {
  const event = log.log.findLast(
    (one) => one.stream === stream && (revision === undefined || one.revision === BigInt(revision)),
  );
  if (event === undefined) throw new Error('there is no such event');
  const named = { stream, revision: event.revision, id: event.id };
  expect(await skipEvent(log, named, { reason: 'test', nowMs: start })).to.equal(true);
}

const charges = (count: number, prefix = 'old'): AccountEvent[] =>
  Array.from({ length: count }, (_, n) => ({
    type: 'BalanceCharged',
    data: {
      ...{ chargeId: `${prefix}${n}`, amount: 100, currency, balance: 100 * (n + 1) },
      at: new Date(start).toISOString(),
    },
  }));

const restated = (event: AccountEvent, balance: number): AccountEvent =>
  event.type === 'BalanceCharged' ? { ...event, data: { ...event.data, balance } } : event;

/**
 * Says what the log's events make when each is read, and none of them is believed to sum up others.
 */
function plainOf({ log }: MemoryEventStore): () => AccountState {
  let state = accountDecider.initial;
  let read = 0;
  const skipped = new Set<string>();
  return () => {
    for (const { type, data } of log.slice(read)) {
      if (type !== 'EventSkipped') continue;
      skipped.add((data as { eventId: string }).eventId);
      [state, read] = [accountDecider.initial, 0];
    }
    for (; read < log.length; read += 1) {
      const event = log[read] as RecordedEvent;
      if (event.stream !== stream || skipped.has(event.id)) continue;
      if (/^(Account|EventSkipped)/.test(event.type)) continue;
      state = accountDecider.evolve(state, decode(event) as AccountEvent);
    }
    return state;
  };
}

/** What `reprise verify` says of an account whose payments are for nothing that the log has. */
function proof({ log }: MemoryEventStore): string[] {
  const findings = new Findings(100_000);
  const events = log.map((event) => {
    const { schemaVersion: version } = event.metadata as { schemaVersion: number };
    return { ...event, data: event.data as never, version };
  });
  const skips = events.filter(({ type }) => type === 'SkipAnnounced').map(skipIn);
  const seen = new LogProof(findings, new Skipped(skips));
  for (const event of events) seen.see(event);
  const forNothing = ['orphan-charge', 'capture-without-sale', 'released-but-sold'];
  // What a newer version said of the balance has what was skipped in it.
  if (skips.length > 0) forNothing.push('wrong-balance');
  return findings.kept
    .filter(({ code }) => !forNothing.includes(code))
    .map(({ code, revision, detail }) => `${code} ${revision}: ${detail}`);
}

describe('an account with more entries than one event tells', () => {
  const decider = deciderOf({ ...small, pages: { ...small.pages, entriesMax: 2_000 } }, 4);
  const handlerOn = (log: MemoryEventStore, of = decider) => new CommandHandler(log, of);

  it('is read after a restart from its totals, not whole', async () => {
    const log = new AccountLog();
    await log.fill(charges(5_000));
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

  it('answers an old charge as the first time, by reading the events near it', async () => {
    const log = new AccountLog();
    await log.fill(charges(5_000));
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
      const log = new AccountLog();
      await log.fill(charges(1_500));
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
    const held = (n: number): AccountEvent => {
      const at = new Date(start).toISOString();
      const holdExpiresAt = new Date(start + 300_000).toISOString();
      balance -= 10;
      return { type: 'PaymentHeld', data: { ...ended(n), currency, balance, holdExpiresAt, at } };
    };
    const ended = (n: number) => ({ paymentId: `p${n}`, reservationId: `r${n}`, amount: 10 });
    const captured = (n: number): AccountEvent => ({ type: 'PaymentCaptured', data: ended(n) });
    const refunded = (n: number): AccountEvent => ({ type: 'PaymentRefunded', data: ended(n) });

    await log.fill([...charges(100), ...many.flatMap((n) => [held(n), captured(n)])]);
    await chargeFour('a', start);
    balance += 4;
    await log.fill([held(999), ...many.map(refunded)]);
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
    await again.execute(stream, { type: 'RefundPayment', ...ended(999), currency }, context);
    await again.execute(stream, { type: 'RefundPayment', ...ended(5), currency }, context);
    const types = log.log.slice(written).map(({ type }) => type);
    expect(types.filter((type) => type.startsWith('Payment'))).to.deep.equal(['PaymentRefunded']);
    expect(proof(log)).to.deep.equal([]);
  });

  it('finds what a plain summary told before there were indexes', async () => {
    const log = new AccountLog();
    // The summary is in another block of the stream than what it tells of.
    await log.fill(charges(1_000));
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

  it('does without an event that was skipped, before its indexes or after them, and what summed it up', async () => {
    const log = new AccountLog();
    const chargeMany = async (handler: ReturnType<typeof handlerOn>, prefix: string) => {
      for (let n = 0; n < 9; n++)
        expect(
          await handler.execute(stream, charge(`${prefix}${n}`, 1, start), context),
        ).to.have.property('ok', true);
    };
    const bad = (chargeId: string): AccountEvent => {
      const at = new Date(start).toISOString();
      return {
        type: 'BalanceCharged',
        data: { chargeId, amount: 7, currency, balance: 7, at },
      };
    };
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

  it('knows a payment until totals leave it out, though a clock ahead has charged the account', async () => {
    const log = new AccountLog();
    await log.fill(charges(1_500));
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

  it('refunds again what a summary says is refunded because of an event that was skipped', async () => {
    const log = new AccountLog();
    const payment = { paymentId: 'p', reservationId: 'r', amount: 10 };
    const at = new Date(start).toISOString();
    const holdExpiresAt = new Date(start + 300_000).toISOString();
    const held = { ...payment, currency, balance: 59_990, holdExpiresAt, at };
    await log.fill([
      ...charges(600),
      { type: 'PaymentHeld', data: held },
      { type: 'PaymentCaptured', data: payment },
    ]);
    await log.fill([{ type: 'PaymentRefunded', data: payment }], 2);
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

describe('any long account, with small pages', function () {
  this.timeout(120_000);
  const holdMs = 300_000;

  type Step = fc.Arbitrary<
    readonly [what: string, n: number, on: number, laterMs: number, isRace: boolean]
  >;
  const happens = [
    ...['charge', 'charge', 'hold', 'hold', 'capture', 'release', 'refund', 'restart', 'burst'],
  ];
  const stepOf = (what: readonly string[]): Step =>
    fc.tuple(
      fc.constantFrom(...what),
      fc.nat(8),
      fc.nat(1),
      fc.oneof(
        { weight: 20, arbitrary: fc.nat(60_000) },
        { weight: 1, arbitrary: fc.constant(3 * dayMs) },
      ),
      fc.boolean(),
    );

  /** Tries a history on two handlers and the fold of all events. */
  async function agrees(
    steps: readonly (readonly [string, number, number, number, boolean])[],
    { fill, of, everyEvents, proven = true }: Trial,
  ): Promise<void> {
    const log = new AccountLog();
    const decider = { ...deciderOf(small, everyEvents) };
    Object.assign(decider.snapshot, { of: (state: AccountState) => of(state, small) });
    await log.fill(charges(fill));
    const handlers = [0, 1].map(() => new CommandHandler(log, decider));
    const plain = plainOf(log);
    const endsMs = new Map<string, number>();
    let nowMs = start;
    for (const [what, n, on, laterMs, isRace] of steps) {
      nowMs += laterMs;
      if (what === 'restart') handlers[on] = new CommandHandler(log, decider);
      if (what === 'skip') await writeAndSkip(n, nowMs, isRace);
      for (const command of commandsOf(what, n, nowMs)) {
        const whole = plain();
        if (!mayCome(command, whole, nowMs)) continue;
        const expected = decided(accountDecider, command, whole);
        const known = expected.ok ? expected.answer : expected.refusal.code;
        // What ended long after its hold may be left out by the next summary, which the second one
        // then reads.
        const isYoung = !('paymentId' in command) || nowMs <= (endsMs.get(command.paymentId) ?? 0);
        const asked = isRace && isYoung ? handlers : [handlers[on] as (typeof handlers)[0]];
        const all = await Promise.all(
          asked.map((handler) => handler.execute(stream, command, context)),
        );
        for (const got of all) {
          const said = got.ok ? got.value : got.refusal.code;
          expect(pick(said), JSON.stringify(command)).to.deep.equal(pick(known));
        }
      }
    }
    const { balance, held, captured } = plain();
    for (const handler of [...handlers, new CommandHandler(log, decider)]) {
      const state = await handler.state(stream, { fresh: true });
      expect(state).to.include({ balance, held, captured });
    }
    if (proven) expect(proof(log).join()).to.equal('');

    /** Of what only a newer version can read; that one may have gone on from there. */
    async function writeAndSkip(n: number, nowMs: number, goesOn: boolean): Promise<void> {
      const at = new Date(nowMs).toISOString();
      const [paymentId, reservationId] = [`p${n}`, `r${n}`];
      if (!endsMs.has(paymentId)) endsMs.set(paymentId, nowMs + holdMs);
      const holdExpiresAt = new Date(endsMs.get(paymentId) ?? 0).toISOString();
      const payment = { paymentId, reservationId, amount: 10 };
      const status = plain().payments.get(paymentId)?.status;
      const told: { readonly [key: string]: AccountEvent } = {
        held: { type: 'PaymentCaptured', data: payment },
        captured: { type: 'PaymentRefunded', data: payment },
      };
      const chargeId = `c${n}`;
      const charged = { chargeId, amount: 100, currency, balance: 100, at };
      const held = { ...payment, currency, balance: 0, holdExpiresAt, at };
      const event: AccountEvent =
        told[status ?? ''] ??
        (n % 2 === 0
          ? { type: 'BalanceCharged', data: charged }
          : { type: 'PaymentHeld', data: held });
      await log.fill([event], 2);
      const revision = Number(log.log.at(-1)?.revision);
      if (goesOn) {
        const other = new CommandHandler(newer(log), decider);
        for (let i = 0; i < 2 * n; i++) {
          await other.execute(stream, charge(`n${nowMs}-${i}`, 100, nowMs), context);
        }
      }
      await skip(log, revision);
    }

    function commandsOf(what: string, n: number, at: number): AccountCommand[] {
      const paymentId = `p${n}`;
      const reservationId = `r${n}`;
      if (!endsMs.has(paymentId)) endsMs.set(paymentId, at + holdMs);
      const holdExpiresAtMs = endsMs.get(paymentId) ?? 0;
      switch (what) {
        case 'charge':
          return [charge(n % 2 === 0 ? `old${n * 150}` : `c${n}`, 100, at)];
        case 'burst':
          return Array.from({ length: 4 * n }, (_, i) => charge(`b${at}-${i}`, 100, at));
        case 'hold':
          return [
            {
              type: 'HoldPayment',
              ...{ paymentId, reservationId, amount: 10, currency, holdExpiresAtMs, nowMs: at },
            },
          ];
        case 'capture':
          return [{ type: 'CapturePayment', paymentId }];
        case 'release':
          return [{ type: 'ReleasePayment', paymentId, reason: 'cancelled' }];
        case 'refund':
          return [{ type: 'RefundPayment', paymentId, reservationId, amount: 10, currency }];
        default:
          return [];
      }
    }

    /** As the seat's stream and the API let it come: see `account.unit.ts`. */
    function mayCome(command: AccountCommand, state: AccountState, at: number): boolean {
      if (command.type === 'ChargeBalance') {
        const known = state.charges.get(command.chargeId);
        return known === undefined || known.atMs > at - dayMs;
      }
      const status = state.payments.get(command.paymentId)?.status;
      if (command.type === 'RefundPayment') return status !== undefined && status !== 'released';
      const endMs = endsMs.get(command.paymentId) ?? 0;
      return status === 'held' || at <= endMs + 60_000;
    }
  }

  /** What an answer says to who asks. */
  const pick = (said: object | string) => {
    if (typeof said === 'string') return said;
    const { amount, balance, currency: of } = said as { [key: string]: unknown };
    return { amount, balance, currency: of };
  };

  const histories = (of: typeof takeSnapshot, proven = true, what: readonly string[] = happens) =>
    fc.asyncProperty(
      fc.array(stepOf(what), { minLength: 20, maxLength: 80 }),
      fc.constantFrom(0, 0, 0, 3, 700, 1_300),
      fc.integer({ min: 1, max: 9 }),
      (steps, fill, everyEvents) => agrees(steps, { fill, of, everyEvents, proven }),
    );
  const numRuns = Number(process.env.LONG_RUNS || 150);

  it('decides as the fold of all its events does, with restarts and two writers, and verify agrees', () =>
    fc.assert(histories(takeSnapshot), { numRuns }));

  it('does so when events are skipped that a newer version may have gone on from', () =>
    fc.assert(histories(takeSnapshot, true, [...happens, 'skip']), { numRuns }));

  it('does so when pages are written whose totals never come', () => {
    let calls = 0;
    const withoutTotals: typeof takeSnapshot = (state, bounds) => {
      calls += 1;
      const events = takeSnapshot(state, bounds);
      return calls % 3 === 0 ? events.filter(({ type }) => type !== 'AccountTotalled') : events;
    };
    return fc.assert(histories(withoutTotals), { numRuns: numRuns / 3 });
  });

  for (const [what, spoil] of [
    ['entries', (data: Data) => ({ ...data, entries: '' })],
    ['refunds', (data: Data) => ({ ...data, refunds: '' })],
  ] as const) {
    it(`negative control: pages without their ${what} are noticed`, async () => {
      const spoilt: typeof takeSnapshot = (state, bounds) =>
        takeSnapshot(state, bounds).map((event) =>
          event.type === 'AccountIndexed' ? { ...event, data: spoil(event.data) } : event,
        );
      for (const proven of [true, false]) {
        const { failed } = await fc.check(histories(spoilt, proven), {
          numRuns: 5_000,
          endOnFailure: true,
        });
        expect(failed, proven ? 'by verify' : 'by what is answered').to.equal(true);
      }
    });
  }
});

interface Trial {
  /** Charges that are there already. */
  readonly fill: number;
  readonly of: typeof takeSnapshot;
  readonly everyEvents: number;
  /** Is `verify` asked, too? Default true. */
  readonly proven?: boolean;
}

type Data = Extract<AccountEvent, { type: 'AccountIndexed' }>['data'];

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
