import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm, truncate } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { inspect } from 'node:util';
import { ANY, binaryEvent, EventStoreDBClient, jsonEvent, NO_STREAM } from '@eventstore/db-client';
import { expect } from 'chai';
import { segmentName } from '../../src/backup/archive.ts';
import { findArchive } from '../../src/backup/archives.ts';
import { timeOf } from '../../src/backup/event-line.ts';
import { connectEventStore } from '../../src/infrastructure/eventstoredb.ts';
import type { RawEvent } from '../../src/infrastructure/raw-log.ts';
import { verify } from '../../src/verify/verify-log.ts';
import { reprise } from '../e2e/support/command-line.ts';
import { serviceEnvironment } from '../e2e/support/environment.ts';
import {
  describeWithOwnEventStore,
  type TestEventStore,
  testEventStore,
} from '../support/servers.ts';
import { World } from '../verify/support/world.ts';
import { archiveParent } from './support/archives.ts';
import { plain, rawEventsOf } from './support/raw-events.ts';

const bin = fileURLToPath(new URL('../../bin/reprise.js', import.meta.url));
const kills = Number(process.env.RESTORE_KILLS ?? '6');

/** What stays of an event: all but its place, its time, and the time in its metadata. */
function kept({ position: _, created, ...event }: RawEvent) {
  const { id, metadata, ...rest } = plain({ ...event, position: 0n, created: '' });
  const recorded = /^\{"recordedAt":"([^"]*)",?/.exec(metadata);
  const isTombstone = event.type === '$streamDeleted';
  return {
    ...rest,
    // The store itself writes it.
    id: isTombstone ? '' : id,
    time: isTombstone ? '' : (recorded?.[1] ?? timeOf(created)),
    metadata:
      recorded === null ? metadata : metadata.replace(recorded[0], '{').replace(/^\{\}$/, ''),
  };
}

const own = (events: readonly RawEvent[]) =>
  events.filter(({ stream }) => stream === 'restored-log');
const others = (events: readonly RawEvent[]) =>
  events.filter(({ stream }) => stream !== 'restored-log').map(kept);

/** The first that differs: thirty thousand in a message help nobody. */
function expectSame(now: readonly unknown[], before: readonly unknown[]): void {
  const texts = (some: readonly unknown[]) => some.map((one) => inspect(one));
  const [a, b] = [texts(now), texts(before)];
  const at = b.findIndex((text, n) => text !== a[n]);
  if (at >= 0) expect(a[at]).to.equal(b[at]);
  expect(now.length).to.equal(before.length);
}

describeWithOwnEventStore('reprise restore', function () {
  this.timeout(180_000);
  let store: TestEventStore;
  let client: EventStoreDBClient;
  let target: TestEventStore;
  let parent: string;
  let dataDir: string;
  const to = (url: string) => ({ EVENTSTORE_URL: url, DATA_DIR: dataDir });
  const restore = (url = target.url) => reprise(['restore', parent], to(url));

  before(async () => {
    store = await testEventStore();
    client = EventStoreDBClient.connectionString(store.url);
    dataDir = await mkdtemp(join(tmpdir(), 'reprise-restore-'));
    parent = await archiveParent();
    const world = new World(client);
    await world.begin();
    await world.buy();
    await world.limitAccount(5);
    await world.limitAccount(undefined);
    await world.write(`request-${world.session}`, 'RequestStarted', { fingerprint: 'é\n"' });
    const binary = binaryEvent({ type: 'Blob', data: Buffer.from([0, 255, 10]) });
    await client.appendToStream(`order-other ${world.session}`, binary, { expectedRevision: ANY });
    const many = Array.from({ length: 700 }, (_, n) =>
      jsonEvent({
        type: 'Noted',
        data: { n },
        metadata: { schemaVersion: 1, commandId: randomUUID() },
      }),
    );
    for (let n = 0; n < 40; n += 1) {
      const stream = `request-${world.session}-${n}`;
      const some = many.map((event) => ({ ...event, id: randomUUID() }));
      await client.appendToStream(stream, some, { expectedRevision: NO_STREAM });
    }
    await client.tombstoneStream(`request-${world.session}-7`);
    await client.deleteStream(`request-${world.session}-8`);
    const { code, stderr } = await reprise(['backup', 'create', '--to', parent], to(store.url));
    expect([code, stderr]).to.deep.equal([0, '']);
  });
  after(async () => {
    await client.dispose();
    await store.stop();
    await rm(dataDir, { recursive: true, force: true });
  });
  beforeEach(async () => {
    target = await testEventStore();
  });
  afterEach(() => target.stop());

  it('keeps ids, data, metadata, revisions, order and times, and the proof is the same', async () => {
    const { code, stdout, stderr } = await restore();
    expect([code, stderr], stdout).to.deep.equal([0, '']);
    const [before, now] = [await rawEventsOf(store.url), await rawEventsOf(target.url)];
    expectSame(others(now), before.map(kept));
    expect(now[0]).to.deep.include({ stream: 'restored-log', type: 'LogRestored' });
    const said = own(now).map(({ type }) => type);
    expect(said).to.deep.equal(['LogRestored', 'LogRestoreFinished']);
    const [old, restored] = await Promise.all(
      [store, target].map(({ url }) => verify({ eventStoreUrl: url, asOf: 'log-end' })),
    );
    expect(restored?.log).to.deep.equal(old?.log);
    expect(restored?.violations).to.deep.equal(old?.violations);
    await timesAreKept(before);
    const again = await restore();
    expect([again.code, again.stderr]).to.deep.equal([0, '']);
    expect(again.stdout).to.match(/already restored/);
    expect((await rawEventsOf(target.url)).length).to.equal(now.length);
  });

  /** As the service's own readers have them. */
  async function timesAreKept(before: readonly RawEvent[]): Promise<void> {
    const seat = before.find(({ stream }) => stream.startsWith('seat-'));
    const log = connectEventStore(target.url);
    const end = new AbortController();
    try {
      const times: number[] = [];
      for await (const event of log.readStream(seat?.stream ?? '')) times.push(event.createdMs);
      const reading = { after: null, prefixes: ['seat-'], signal: end.signal };
      for await (const message of log.subscribe(reading)) {
        if (message.kind === 'caught-up') break;
        if (message.kind === 'event') times.push(message.event.createdMs);
      }
      const wanted = before
        .filter(({ stream }) => stream === seat?.stream)
        .map(({ created }) => Number(created.slice(0, -4)));
      expect(times).to.deep.equal([...wanted, ...wanted]);
    } finally {
      await log.close();
    }
  }

  it('of a backup of a restored log keeps the first times, from one kind of store to the other and back', async () => {
    const [embedded, third] = [await testEventStore({}), await testEventStore()];
    try {
      const first = await restore(embedded.url);
      expect([first.code, first.stderr]).to.deep.equal([0, '']);
      const second = await archiveParent();
      await reprise(['backup', 'create', '--to', second], to(embedded.url));
      const { code, stderr } = await reprise(['restore', second], to(third.url));
      expect([code, stderr]).to.deep.equal([0, '']);
      const [before, now] = [await rawEventsOf(store.url), await rawEventsOf(third.url)];
      expectSame(others(now), before.map(kept));
      const epochs = [...own(await rawEventsOf(embedded.url)), ...own(now)]
        .filter(({ type }) => type === 'LogRestored')
        .map(({ data }) => JSON.parse(Buffer.from(data).toString()).epoch);
      expect(new Set(epochs).size).to.equal(2);
    } finally {
      await embedded.stop();
      await third.stop();
    }
  });

  it(`killed ${kills} times and run again comes to the same end`, async () => {
    const counts: number[] = [];
    for (let kill = 0; kill < kills; kill += 1) {
      const child = spawn(process.execPath, [bin, 'restore', parent], {
        env: serviceEnvironment(to(target.url)),
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      const ended = once(child, 'exit');
      let said = '';
      const begun = new Promise<void>((resolve) => {
        child.stdout.on('data', (chunk) => {
          said += chunk;
          if (/restoring/.test(said)) resolve();
        });
      });
      await Promise.race([begun, ended]);
      await sleep(Math.random() * 150);
      child.kill('SIGKILL');
      await ended;
      counts.push((await rawEventsOf(target.url)).length);
    }
    const { code, stderr, stdout } = await restore();
    expect([code, stderr], stdout).to.deep.equal([0, '']);
    const [before, now] = [await rawEventsOf(store.url), await rawEventsOf(target.url)];
    expectSame(others(now), before.map(kept));
    expect(own(now)).to.have.length(2);
    expect(counts, `${counts}`).to.satisfy((all: number[]) => all.some((n) => n < now.length));
  });

  it('refuses a log that has events, and says which', async () => {
    const event = jsonEvent({ type: 'BalanceCharged', data: {} });
    const other = EventStoreDBClient.connectionString(target.url);
    await other.appendToStream('account-7', event, { expectedRevision: ANY });
    await other.dispose();
    const { code, stderr } = await restore();
    expect(code).to.equal(1);
    expect(stderr).to.match(/not empty: it has 1 events, from BalanceCharged 0@account-7 of /);
    expect(await rawEventsOf(target.url)).to.have.length(1);
  });

  it('refuses to go on in a log that something else was written to', async () => {
    await restore();
    const other = EventStoreDBClient.connectionString(target.url);
    const fresh = await testEventStore();
    try {
      // As if it had been cut short before its end.
      const log = await rawEventsOf(target.url);
      const begin = log[0];
      const copy = EventStoreDBClient.connectionString(fresh.url);
      const first = jsonEvent({
        ...{ id: begin?.id ?? '', type: 'LogRestored', metadata: { schemaVersion: 1 } },
        data: JSON.parse(Buffer.from(begin?.data ?? []).toString()),
      });
      await copy.appendToStream('restored-log', first, { expectedRevision: NO_STREAM });
      const strange = jsonEvent({ type: 'BalanceCharged', data: {} });
      await copy.appendToStream('account-7', strange, { expectedRevision: ANY });
      await copy.dispose();
      const { code, stderr } = await restore(fresh.url);
      expect(code).to.equal(1);
      expect(stderr).to.match(/the log has 0@account-7 .* where the archive has 0@/);
    } finally {
      await other.dispose();
      await fresh.stop();
    }
  });

  it('refuses an archive that is not whole, and writes nothing', async () => {
    const harmed = await archiveParent();
    await reprise(['backup', 'create', '--to', harmed], to(store.url));
    await truncate(join(await findArchive(harmed), segmentName(1)), 1_000);
    const { code, stderr } = await reprise(['restore', harmed], to(target.url));
    expect(code).to.equal(1);
    expect(stderr).to.match(/not complete \(wrong-hash 000001/);
    expect(await rawEventsOf(target.url)).to.have.length(0);
  });

  it('is opened only when it is finished and somebody was shown what is missing', async () => {
    const open = (...more: string[]) =>
      reprise(['restore', 'open', '--reason', 'a test', ...more], to(target.url));
    expect((await open()).stderr).to.match(/never restored/);
    await restore();
    expect((await open()).stderr).to.match(/the missing facts were not shown/);
    expect((await open('--unreconciled')).stdout).to.match(/the sale is open\n/);
    expect((await open('--unreconciled')).stdout).to.match(/already open/);
    const types = own(await rawEventsOf(target.url)).map(({ type }) => type);
    expect(types).to.deep.equal(['LogRestored', 'LogRestoreFinished', 'SaleOpened']);
  });
});
