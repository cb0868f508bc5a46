import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import type { EventStore } from '../../src/commands/core/event-store.ts';
import { connectEventStore } from '../../src/infrastructure/eventstoredb.ts';
import { Service } from '../e2e/support/service.ts';
import { eventually } from '../support/eventually.ts';
import {
  type TestDatabase,
  type TestEventStore,
  testDatabase,
  testEventStore,
} from '../support/servers.ts';
import type { Audit } from './support/audit.ts';
import { allFaultPoints, type FaultPoint } from './support/fault-points.ts';
import { ofTag, readAudit } from './support/read-audit.ts';
import { sessionEvents } from './support/sale.ts';

const killedService = fileURLToPath(new URL('./support/killed-service.ts', import.meta.url));

/**
 * FAULT_POINTS=each: a process for each point, where the ordinary run has one that dies in the
 * middle of all of them.
 */
const each = process.env.FAULT_POINTS === 'each';

describe('the process is killed at every step between two appends', function () {
  this.timeout(each ? 900_000 : 120_000);
  let log: TestEventStore;
  let database: TestDatabase;
  let store: EventStore;
  before(async () => {
    [log, database] = await Promise.all([testEventStore(), testDatabase()]);
    store = connectEventStore(log.url);
  });
  after(async () => {
    await store.close();
    await Promise.all([log.stop(), database.drop()]);
  });

  it('10 s after the restart no money is without a seat, no seat without money, nothing half way', async () => {
    const run = randomUUID().slice(0, 8);
    const points = allFaultPoints(run);
    expect(points.length).to.equal(76);
    await putOnSale(store, points);
    for (const group of each ? points.map((point) => [point]) : [points]) await die(log.url, group);

    const killed = await read(store, run);
    expect(killed.violations).to.deep.equal([]);
    // Otherwise the kills came too late or too early to prove anything.
    expect(killed.unresolved().length, 'left half way').to.be.greaterThan(40);

    const service = await Service.start({ EVENTSTORE_URL: log.url, POSTGRES_URL: database.url });
    try {
      const restartedMs = Date.now();
      const done = await eventually(
        'everything is resolved',
        async () => {
          const audit = await read(store, run);
          expect(audit.unresolved()).to.deep.equal([]);
          return audit;
        },
        10_000,
      );
      console.log(
        `      ${points.length} kills left ${killed.unresolved().length} things half way;` +
          ` all resolved ${Date.now() - restartedMs} ms after the restart`,
      );
      expect(done.violations).to.deep.equal([]);
      for (const point of points) expectEnd(done, point);
    } finally {
      await service.remove();
    }
  });
});

/**
 * A command that was begun is finished or undone as a whole; one that was not begun did nothing.
 */
function expectEnd(audit: Audit, { command, append, written, sessionId, userId }: FaultPoint) {
  const begun = append > 1 || written;
  const seats = [...audit.seats].filter(([name]) => name.startsWith(`${sessionId}/`));
  const taken = seats.map(([, { soldTo }]) => (soldTo === undefined ? 'held' : 'sold')).join();
  const spent = 1_000 - (audit.accounts.get(userId)?.balance ?? 0);
  const ends: Record<FaultPoint['command'], [begun: string, not: string]> = {
    pay: ['sold 100', 'held 0'],
    cancel: [' 0', 'held 0'],
    refund: [' 0', 'sold 100'],
    // The answer is lost with the process, so what was not confirmed is given back.
    order: [append === 4 && written ? 'held,held 0' : ' 0', ' 0'],
    'pay-order': ['sold,sold 200', 'held,held 0'],
    'cancel-order': [' 0', 'held,held 0'],
    'refund-order': [' 0', 'sold,sold 200'],
    'cancel-session': [' 0', 'sold,sold,sold,held,held,held 300'],
  };
  const [after, before] = ends[command];
  const what = `${command}, killed ${written ? 'after' : 'before'} append ${append}`;
  expect(`${taken} ${spent}`, what).to.equal(begun ? after : before);
}

async function putOnSale(store: EventStore, points: readonly FaultPoint[]): Promise<void> {
  // A concert for each session: no point's appends run into another's.
  for (const { sessionId } of points) {
    const events = sessionEvents(sessionId, 3).map((event) => ({
      id: randomUUID(),
      event: event as never,
      metadata: { schemaVersion: 1 },
    }));
    const appended = await store.append(`concert-${sessionId}`, 'no_stream', events);
    expect(appended.ok, 'put on sale').to.equal(true);
  }
}

/** Runs the commands in a process that kills itself when each is at its point. */
async function die(url: string, points: readonly FaultPoint[]): Promise<void> {
  const child = spawn(
    process.execPath,
    [...process.execArgv, '--import', 'tsx', killedService, url, JSON.stringify(points)],
    { stdio: ['ignore', 'inherit', 'inherit'] },
  );
  const signal = await new Promise((resolve) => child.once('exit', (_code, by) => resolve(by)));
  expect(signal, 'how the process ended').to.equal('SIGKILL');
}

/** What this run has in the log. */
const read = (store: EventStore, run: string): Promise<Audit> => readAudit(store, ofTag(run));
