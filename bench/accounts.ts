/**
 * Measures the load of an account of 10,000 events, from its summary and from all events. Prints
 * one table.
 *
 *   npm run bench:accounts
 */
import './support/help.ts';
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { startEmbeddedEventStore } from '../embedded/eventstore/start.ts';
import { accountDecider } from '../src/commands/account/decider.ts';
import type { AccountState } from '../src/commands/account/evolve.ts';
import { CommandHandler } from '../src/commands/core/command-handler.ts';
import type { Decider } from '../src/commands/core/decider.ts';
import type { EventStore, NewEvent } from '../src/commands/core/event-store.ts';
import type { AccountEvent } from '../src/events/events.ts';
import { connectEventStore } from '../src/infrastructure/eventstoredb.ts';

const eventsWanted = 10_000;
const loads = 15;

const data = await mkdtemp(path.join(tmpdir(), 'reprise-bench-accounts-'));
const server = await startEmbeddedEventStore({ data });
const store = connectEventStore(server.url);
try {
  const whole: Decider<
    AccountState,
    Parameters<typeof accountDecider.decide>[0],
    AccountEvent,
    unknown
  > = {
    initial: accountDecider.initial,
    evolve: accountDecider.evolve,
    decide: accountDecider.decide,
  };
  const plain = await fill(store, 'plain', false);
  const summed = await fill(store, 'summed', true);
  const read = {
    whole: await timeLoads(() => new CommandHandler(store, whole).state(plain)),
    summed: await timeLoads(() => new CommandHandler(store, accountDecider).state(summed)),
  };
  console.log(`an account of ${eventsWanted} events, loaded from scratch (median of ${loads}, ms)`);
  console.log(`  read whole           ${read.whole.toFixed(1)}`);
  console.log(`  from its summary     ${read.summed.toFixed(1)}`);
  console.log(`  ratio                ${(read.whole / read.summed).toFixed(1)}`);
} finally {
  await store.close();
  await server.stop();
  await rm(data, { recursive: true, force: true });
}

/**
 * The account of a user who bought for months: one charge, then payments. Ten seconds are between
 * two payments.
 */
async function fill(log: EventStore, name: string, summaries: boolean): Promise<string> {
  const stream = `account-${name}`;
  const { decide, evolve, snapshot } = accountDecider;
  let state = accountDecider.initial;
  let batch: NewEvent[] = [];
  let written = 0;
  let unsummed = 0;
  const add = (event: AccountEvent) => {
    state = evolve(state, event);
    batch.push({ id: randomUUID(), event, metadata: { schemaVersion: 1 } });
    unsummed = snapshot.types.includes(event.type) ? 0 : unsummed + 1;
  };
  const flush = async () => {
    const expected = written === 0 ? 'no_stream' : BigInt(written - 1);
    const appended = await log.append(stream, expected, batch);
    if (!appended.ok) throw new Error('somebody else writes to this log');
    written += batch.length;
    batch = [];
  };
  const start = Date.parse('2027-01-01T00:00:00.000Z');
  const currency = 'KRW';
  const take = (command: Parameters<typeof decide>[0]) => {
    const decision = decide(command, state);
    if (!decision.ok) throw new Error(decision.refusal.detail);
    decision.events.forEach(add);
  };
  take({ type: 'ChargeBalance', chargeId: 'c', amount: 1_000_000_000, currency, nowMs: start });
  for (let n = 1; written + batch.length < eventsWanted; n++) {
    const nowMs = start + n * 10_000;
    const reservationId = `s1.A-1-${n}.1`;
    const paymentId = `pay.${reservationId}`;
    const holdExpiresAtMs = nowMs + 300_000;
    const amount = 100;
    take({
      type: 'HoldPayment',
      paymentId,
      reservationId,
      amount,
      currency,
      holdExpiresAtMs,
      nowMs,
    });
    take({ type: 'CapturePayment', paymentId });
    const event = summaries && unsummed >= snapshot.everyEvents ? snapshot.of(state) : [];
    event.forEach(add);
    if (batch.length >= 200) await flush();
  }
  await flush();
  return stream;
}

async function timeLoads(load: () => Promise<unknown>): Promise<number> {
  const times: number[] = [];
  for (let n = 0; n < loads; n++) {
    const from = performance.now();
    await load();
    times.push(performance.now() - from);
  }
  return times.sort((a, b) => a - b)[Math.floor(loads / 2)] ?? 0;
}
