import { setTimeout as sleep } from 'node:timers/promises';
import { Catalog } from '../../../src/commands/concert/catalog.ts';
import { concertDecider } from '../../../src/commands/concert/decider.ts';
import { CommandHandler } from '../../../src/commands/core/command-handler.ts';
import type { EventStore } from '../../../src/commands/core/event-store.ts';
import type { Sales } from '../../../src/commands/sales/sales.ts';
import { concertStream } from '../../../src/events/streams.ts';
import { connectEventStore } from '../../../src/infrastructure/eventstoredb.ts';
import { followCatalog } from '../../../src/processes/follow-catalog.ts';
import type { FaultPoint } from './fault-points.ts';
import { salesOn } from './sale.ts';

/**
 * A service in a process of its own that is killed, by its own SIGKILL, at the moment when each of
 * its commands is at its fault point: some between two appends, some before the first, some after
 * the last. Commands on different seats and users know nothing of each other, so one process can
 * die in the middle of all of them.
 *
 * argv: the event store's URL, the fault points as JSON.
 */
const [url = '', json = '[]'] = process.argv.slice(2);
const points = JSON.parse(json) as FaultPoint[];

/** A command that did not get to its point within this never will, in milliseconds. */
const patienceMs = 60_000;

const store = connectEventStore(url);
const catalog = new Catalog();
const signal = new AbortController().signal;
const onError = (what: string, error: unknown) => console.error(what, error);
await followCatalog({ store, catalog, signal, onError }).ready;

const late = sleep(patienceMs).then(() => {
  throw new Error('not every command came to its fault point');
});
await Promise.race([late, Promise.all(points.map(stopAt))]);
process.kill(process.pid, 'SIGKILL');

/** Runs the point's command until it is at its point, and leaves it there. */
async function stopAt(point: FaultPoint): Promise<void> {
  const before = salesOn(store, catalog);
  await prepare(before, point);
  let reached = () => {};
  const there = new Promise<void>((resolve) => {
    reached = resolve;
  });
  const log = stopping(point, reached);
  const ended = run(salesOn(log, catalog), log, point).then(async (done) => {
    // Work after the answer goes on: the point may be in it.
    await Promise.race([there, sleep(5_000)]);
    throw new Error(`${JSON.stringify(point)} was not reached: ${JSON.stringify(done)}`);
  });
  await Promise.race([there, ended]);
}

/** The log, but its `n`-th append never comes back: it was written, or it was not. */
function stopping({ append, written }: FaultPoint, reached: () => void): EventStore {
  let appends = 0;
  return {
    ...store,
    async append(...args) {
      appends += 1;
      if (appends < append) return store.append(...args);
      if (appends === append && written) await store.append(...args);
      reached();
      return new Promise<never>(() => {});
    },
  };
}

async function prepare(sales: Sales, point: FaultPoint): Promise<void> {
  const { userId } = point;
  const context = { commandId: userId };
  await sales.charge({ userId, chargeId: 'start', amount: 1_000, context });
  if (point.command === 'order') return;
  const ids = await held(sales, point);
  if (['refund', 'refund-order', 'cancel-session'].includes(point.command)) {
    for (const reservationId of ids) await settled(sales, userId, reservationId);
  }
  if (point.command === 'cancel-session') await held(sales, { ...point, row: 'B' });
}

/** Reserves what the command is about. */
async function held(
  sales: Sales,
  { command, sessionId, userId, row = 'A' }: FaultPoint & { row?: string },
): Promise<string[]> {
  const several = command.endsWith('order') || command === 'cancel-session';
  const seatIds = several ? [`${row}-1-1`, `${row}-1-2`] : [`${row}-1-1`];
  const wanted = command === 'cancel-session' ? [seatIds, [`${row}-1-3`]] : [seatIds];
  const ids = [];
  for (const seats of wanted) {
    const reserved = await sales.reserve({
      concertId: sessionId,
      sessionId,
      seatIds: seats,
      userId,
      context: { commandId: `${userId} ${seats}` },
    });
    if (!reserved.ok) throw new Error(`${userId}: ${reserved.refusal.detail}`);
    ids.push(reserved.value.reservationId);
  }
  return ids;
}

/** Pays and sees to it that everything that follows has followed. */
async function settled(sales: Sales, userId: string, reservationId: string): Promise<void> {
  await sales.pay({ userId, reservationId, context: { commandId: `pay ${reservationId}` } });
  await sales.settlePayment({ userId, reservationId });
}

async function run(sales: Sales, log: EventStore, point: FaultPoint): Promise<unknown> {
  const { command, userId, sessionId } = point;
  const context = { commandId: `${userId} ${command}` };
  if (command === 'order') return held(sales, point);
  if (command === 'cancel-session') {
    const cancel = { type: 'CancelSession', sessionId } as const;
    await new CommandHandler(log, concertDecider).execute(
      concertStream(sessionId),
      cancel,
      context,
    );
    while (!catalog.session(sessionId)?.cancelled) await sleep(5);
    for (const seatId of ['A-1-1', 'A-1-3', 'B-1-1', 'B-1-3']) {
      const reservationId = await sales.reservationOf(sessionId, seatId);
      if (reservationId !== undefined) await sales.cancelForOrganiser(reservationId);
    }
    return 'cancelled';
  }
  const reservationId = (await sales.reservationOf(sessionId, 'A-1-1')) ?? '';
  const paying = command === 'pay' || command === 'pay-order';
  return sales[paying ? 'pay' : 'cancel']({ userId, reservationId, context });
}
