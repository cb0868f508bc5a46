import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { ANY, EventStoreDBClient, jsonEvent } from '@eventstore/db-client';
import { expect } from 'chai';
import { eventsIn } from '../../src/backup/archive.ts';
import { makeArchive } from '../../src/backup/archives.ts';
import { checkArchive } from '../../src/backup/check.ts';
import {
  describeWithOwnEventStore,
  type TestEventStore,
  testEventStore,
} from '../support/servers.ts';
import { archiveParent } from './support/archives.ts';
import { plain, rawEventsOf } from './support/raw-events.ts';

const fixture = fileURLToPath(new URL('support/archive-fixture.ts', import.meta.url));
const kills = Number(process.env.BACKUP_KILLS ?? '12');
const appends = 40;
const eventsPerAppend = 1_000;

describeWithOwnEventStore('an archive whose writer is killed', () => {
  let store: TestEventStore;

  before(async () => {
    store = await testEventStore();
    const client = EventStoreDBClient.connectionString(store.url);
    for (let n = 0; n < appends; n += 1) {
      const events = Array.from({ length: eventsPerAppend }, (_, i) =>
        jsonEvent({ type: 'BalanceCharged', data: { n, i }, metadata: { schemaVersion: 1 } }),
      );
      await client.appendToStream(`account-${n % 7}`, events, { expectedRevision: ANY });
    }
    await client.dispose();
  });
  after(() => store.stop());

  it(`${kills} times is whole each time, the start of the log, and complete in the end`, async function () {
    this.timeout(60_000 + kills * 10_000);
    const parent = await archiveParent();
    const directory = join(parent, await makeArchive(parent, new Date()));
    const log = (await rawEventsOf(store.url)).map(plain);
    let grown = 0;
    for (let kill = 0; kill < kills; kill += 1) {
      const child = spawn(
        process.execPath,
        ['--import', 'tsx', fixture, store.url, directory, '2'],
        {
          stdio: ['ignore', 'pipe', 'inherit'],
        },
      );
      const ended = once(child, 'exit');
      // From the first part on, so that it is killed while it writes.
      await Promise.race([once(child.stdout, 'data'), ended]);
      await sleep(Math.random() * 40);
      child.kill('SIGKILL');
      await ended;
      const { faults } = await checkArchive(directory);
      expect(faults, `kill ${kill}`).to.deep.equal([]);
      const events = [];
      for await (const some of eventsIn(directory)) events.push(...some);
      expect(events.length).to.be.at.least(grown);
      grown = events.length;
      expect(events.map(plain)).to.deep.equal(log.slice(0, grown));
    }
    const child = spawn(process.execPath, ['--import', 'tsx', fixture, store.url, directory, '2'], {
      stdio: 'ignore',
    });
    const [code] = await once(child, 'exit');
    expect(code).to.equal(0);
    const { faults, events } = await checkArchive(directory);
    expect({ faults, events }).to.deep.equal({ faults: [], events: log.length });
  });
});
