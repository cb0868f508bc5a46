import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { expect } from 'chai';
import type { EventStore } from '../../src/commands/core/event-store.ts';
import { connectEventStore } from '../../src/infrastructure/eventstoredb.ts';
import type { Written } from '../support/events.ts';
import { eventually } from '../support/eventually.ts';
import {
  describeWithOwnEventStore,
  type TestEventStore,
  testEventStore,
} from '../support/servers.ts';
import { appendHistory, wholeLog } from './support/append-history.ts';
import { startInstance, stopInstances } from './support/engines.ts';
import { history, randomInts } from './support/history.ts';
import {
  hashOf,
  type ReadModels,
  readModels,
  rowsFromScratch,
  tableRows,
} from './support/read-models.ts';

/** How often the projector is killed; more in the long form. */
const kills = Number(process.env.CRASH_ROUNDS ?? '5');

const take = (events: Iterator<Written>, count: number): Written[] =>
  Array.from({ length: count }, () => events.next().value as Written);

describeWithOwnEventStore('the projection engine and real servers', function () {
  this.timeout(60_000 + kills * 15_000);
  let server: TestEventStore;
  let eventStore: EventStore;
  let models: ReadModels;

  beforeEach(async () => {
    [server, models] = await Promise.all([testEventStore(), readModels()]);
    eventStore = connectEventStore(server.url);
  });

  afterEach(async () => {
    await stopInstances();
    await eventStore.close();
    await models.close();
    await server.stop();
  });

  const shape = (prefix: string) => ({
    seed: 77,
    sessions: 5,
    seatsPerSession: 30,
    users: 10,
    prefix: `${prefix}${process.pid}x`,
  });
  const position = async () => {
    const row = await models.db
      .selectFrom('projection_checkpoint')
      .select('position')
      .executeTakeFirst();
    return row?.position ?? 0n;
  };

  it(`is killed ${kills} times at any moment, and the tables are as from scratch`, async () => {
    const random = randomInts(kills);
    const events = history(shape('crash'));
    const revisions = new Map<string, bigint>();
    const start = (): ChildProcess =>
      fork(new URL('./support/projector-process.ts', import.meta.url), [server.url, models.url], {
        stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
      });
    // The older one leads, the younger stands by: so a kill is a failover too.
    const children = [start(), start()];
    try {
      for (let round = 0; round < kills; round += 1) {
        const before = await position();
        const appending = appendHistory(eventStore, take(events, 250), revisions);
        await eventually('it writes', async () => (await position()) > before, 30_000);
        await delay(random(60));
        const leader = children.shift() as ChildProcess;
        const exited = once(leader, 'exit');
        leader.kill('SIGKILL');
        await exited;
        children.push(start());
        await appending;
      }
      const head = await appendHistory(eventStore, take(events, 50), revisions);
      await eventually('it caught up', async () => (await position()) >= head, 30_000);
    } finally {
      for (const child of children) child.kill('SIGKILL');
    }
    const log = await wholeLog(eventStore);
    expect(hashOf(await tableRows(models.db))).to.equal(hashOf(rowsFromScratch(log)));
  });

  it('works again within 5 s after the event store is back', async () => {
    const events = history(shape('outage'));
    const revisions = new Map<string, bigint>();
    const { projector } = startInstance(models.url, eventStore);
    let head = await appendHistory(eventStore, take(events, 200), revisions);
    expect(await projector.reached(head, 10_000)).to.equal(true);
    await server.kill?.();
    await delay(500);
    await server.restart?.();
    head = await appendHistory(eventStore, take(events, 200), revisions);
    expect(await projector.reached(head, 5_000)).to.equal(true);
    const log = await wholeLog(eventStore);
    expect(hashOf(await tableRows(models.db))).to.equal(hashOf(rowsFromScratch(log)));
  });
});
