import { expect } from 'chai';
import type { EventStore } from '../../src/commands/core/event-store.ts';
import type { RecordedEvent } from '../../src/events/codec.ts';
import { connectEventStore } from '../../src/infrastructure/eventstoredb.ts';
import { readParked } from '../../src/projections/parking/parked-table.ts';
import { reprise } from '../e2e/support/command-line.ts';
import type { Written } from '../support/events.ts';
import {
  describeWithOwnEventStore,
  type TestEventStore,
  testEventStore,
} from '../support/servers.ts';
import { appendHistory, wholeLog } from './support/append-history.ts';
import { ArrayEventStore } from './support/array-event-store.ts';
import { startInstance, stopInstances } from './support/engines.ts';
import { history } from './support/history.ts';
import { type ReadModels, readModels, rowsFromScratch, tableRows } from './support/read-models.ts';

describeWithOwnEventStore(
  'reprise, with a version that can read what an older one parked',
  function () {
    this.timeout(180_000);
    let server: TestEventStore;
    let eventStore: EventStore;
    let models: ReadModels;
    let log: RecordedEvent[];
    let env: Record<string, string>;

    before(async () => {
      server = await testEventStore();
      eventStore = connectEventStore(server.url);
      const shape = { seed: 5, sessions: 3, seatsPerSession: 10, users: 9 };
      const events = history({ ...shape, prefix: `retry${process.pid}x` });
      const some = Array.from({ length: 900 }, () => events.next().value as Written);
      await appendHistory(eventStore, some);
      log = await wholeLog(eventStore);
    });

    beforeEach(async () => {
      models = await readModels();
      env = { EVENTSTORE_URL: server.url, POSTGRES_URL: models.url };
      // The older version reads the same log, and cannot read some of it.
      const old = new ArrayEventStore();
      const isNew = (n: number) => n === 3 || n % 60 === 40;
      const asOld = log.map((event, n) =>
        isNew(n) ? { ...event, metadata: { schemaVersion: 2 } } : event,
      );
      // The log had this one, too; it was deleted and scavenged since.
      const before = log[100] as RecordedEvent;
      const metadata = { schemaVersion: 1, commandId: 'of another version' };
      const ghost = { ...before, stream: 'account-ghost', type: 'Old', revision: 0n, metadata };
      asOld.splice(101, 0, { ...ghost, position: before.position + 1n });
      old.append(...asOld);
      const { projector, stop } = startInstance(models.url, old);
      expect(await projector.reached(log.at(-1)?.position ?? 0n, 20_000)).to.equal(true);
      await stop();
    });

    afterEach(async () => {
      await stopInstances();
      await models.close();
    });

    after(async () => {
      await eventStore.close();
      await server.stop();
    });

    const parkedStreams = async () => (await readParked(models.postgres.pool)).length;

    it('writes it by reprise projections retry, and says when there is nothing more', async () => {
      expect(await parkedStreams()).to.be.greaterThan(3);
      const retried = await reprise(['projections', 'retry'], env);
      // A slow machine shows lines of progress before.
      expect(retried.stdout).to.match(
        /(?:^|\n)written: \d+ events that had been parked\ngiven up: 1 event of 1 stream: no longer in the log, or of another program\n {2}account-ghost, 1 event\n$/,
      );
      expect(retried).to.include({ code: 0, stderr: '' });
      expect(await parkedStreams()).to.equal(0);
      expect(await tableRows(models.db)).to.deep.equal(rowsFromScratch(log));
      const again = await reprise(['projections', 'retry'], env);
      expect(again).to.deep.equal({ code: 0, stdout: 'nothing is parked\n', stderr: '' });
    });

    it('writes it by a rebuild of all projections, unless it is told to keep it parked', async () => {
      const before = await tableRows(models.db);
      const streams = await parkedStreams();
      const kept = await reprise(['rebuild', 'seat', '--keep-parked'], env);
      expect(kept).to.include({ code: 0, stderr: '' });
      expect(kept.stdout).to.contain('every row is the same');
      expect(kept.stdout).to.contain(`${streams} streams stayed parked: see reprise projections`);
      expect(await tableRows(models.db)).to.deep.equal(before);
      expect(await parkedStreams()).to.equal(streams);
      const all = await reprise(['rebuild'], env);
      expect(all).to.include({ code: 0, stderr: '' });
      expect(await parkedStreams()).to.equal(0);
      expect(await tableRows(models.db)).to.deep.equal(rowsFromScratch(log));
    });
  },
);
