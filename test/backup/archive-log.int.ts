import { randomBytes } from 'node:crypto';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ANY, binaryEvent, EventStoreDBClient, jsonEvent } from '@eventstore/db-client';
import { expect } from 'chai';
import { eventsIn, readSeen } from '../../src/backup/archive.ts';
import { archiveLog } from '../../src/backup/archive-log.ts';
import { ArchiveError, ArchiveWriter } from '../../src/backup/archive-writer.ts';
import { makeArchive } from '../../src/backup/archives.ts';
import { checkArchive } from '../../src/backup/check.ts';
import { smallDisk } from '../../src/drill/small-disk.ts';
import { connectRawLog, type RawEvent } from '../../src/infrastructure/raw-log.ts';
import { ArchivedSkips, verifyArchive } from '../../src/verify/verify-archive.ts';
import { verify } from '../../src/verify/verify-log.ts';
import { eventually } from '../support/eventually.ts';
import {
  describeWithOwnEventStore,
  type TestEventStore,
  testEventStore,
} from '../support/servers.ts';
import { World } from '../verify/support/world.ts';
import { archiveParent } from './support/archives.ts';
import { plain, rawEventsOf } from './support/raw-events.ts';

const flushMs = 100;

/** A new archive's directory. */
async function newArchive(parent?: string): Promise<string> {
  const place = parent ?? (await archiveParent());
  return join(place, await makeArchive(place, new Date()));
}

/** Brings an archive up to now. @returns how many events were written */
async function create(url: string, directory: string): Promise<number> {
  const log = connectRawLog(url);
  const writer = await ArchiveWriter.open(directory, { version: 'test' });
  const { signal } = new AbortController();
  try {
    return await archiveLog({ log, writer, follow: false, flushMs, signal });
  } finally {
    log.close();
    writer.close();
  }
}

async function archived(directory: string): Promise<RawEvent[]> {
  const all: RawEvent[] = [];
  for await (const events of eventsIn(directory)) all.push(...events);
  return all;
}

/** What `reprise backup verify --deep` does. */
async function deep(directory: string) {
  const skips = new ArchivedSkips();
  const { faults } = await checkArchive(directory, (events) => {
    for (const event of events) skips.see(event);
  });
  expect(faults).to.deep.equal([]);
  return verifyArchive(eventsIn(directory), skips);
}

describeWithOwnEventStore('an archive of a log', () => {
  let store: TestEventStore;
  let client: EventStoreDBClient;
  const world = async () => {
    const one = new World(client);
    await one.begin();
    return one;
  };

  before(async () => {
    store = await testEventStore();
    client = EventStoreDBClient.connectionString(store.url);
  });
  after(async () => {
    await client.dispose();
    await store.stop();
  });

  it('has every event of our streams and of their metadata, byte by byte, and nothing else', async () => {
    const one = await world();
    await one.buy();
    await one.limitAccount(5);
    await one.write(`request-${one.session}`, 'RequestStarted', { fingerprint: 'é\u2028\n"' });
    await one.write(`other-${one.session}`, 'Elsewhere', {});
    const binary = binaryEvent({ type: 'Blob', data: Buffer.from([0, 255, 254, 10, 13]) });
    await client.appendToStream(`order-${one.session}`, binary, { expectedRevision: ANY });
    const directory = await newArchive();
    const written = await create(store.url, directory);
    const events = await archived(directory);
    const log = await rawEventsOf(store.url);
    expect(events.map(plain)).to.deep.equal(log.map(plain));
    expect(events).to.have.length(written);
    const found = new Set(events.map(({ stream }) => stream.split('-')[0]));
    expect([...found]).to.have.members([
      'concert',
      'account',
      'seat',
      '$$account',
      'request',
      'order',
    ]);
    const streams = events.map(({ stream }) => stream);
    expect(streams).not.to.include(`other-${one.session}`);
    expect((await checkArchive(directory)).faults).to.deep.equal([]);
  });

  it('is gone on with from where it ends', async () => {
    const one = await world();
    const directory = await newArchive();
    await create(store.url, directory);
    expect(await create(store.url, directory)).to.equal(0);
    await one.seat('SeatReserved');
    expect(await create(store.url, directory)).to.equal(1);
    const log = await rawEventsOf(store.url);
    expect((await archived(directory)).map(plain)).to.deep.equal(log.map(plain));
    const { faults, segments } = await checkArchive(directory);
    expect({ faults, segments }).to.deep.equal({ faults: [], segments: 2 });
  });

  it('proves what the log proves, and finds what is wrong in the log', async () => {
    const one = await world();
    await one.buy();
    await one.seat('SeatReserved', {}, 'A-1-2');
    await one.seat('SeatGivenAway', {}, 'A-1-2');
    await one.skip(`seat-${one.session}/A-1-2`, 1n);
    const directory = await newArchive();
    await create(store.url, directory);
    const log = await verify({ eventStoreUrl: store.url, asOf: 'log-end' });
    const archive = await deep(directory);
    expect(log.log.skipped).to.equal(1);
    expect(archive.log).to.deep.equal(log.log);
    expect(archive.violations).to.deep.equal(log.violations);
    const before = archive.violations.total;
    await one.seat('SeatSold', { paymentId: 'pay.another', userId: one.other });
    await create(store.url, directory);
    const wrong = await deep(directory);
    expect(wrong.violations.byCode).to.deep.include({ 'double-sale': 1 });
    expect(wrong.violations.total).to.equal(before + 1);
  });

  it('follows the log within the time given, also after the store was away', async () => {
    const one = await world();
    const directory = await newArchive();
    const log = connectRawLog(store.url);
    const writer = await ArchiveWriter.open(directory, { version: 'test' });
    const stop = new AbortController();
    let caughtUp = 0;
    const following = archiveLog({
      ...{ log, writer, follow: true, flushMs, signal: stop.signal },
      onCaughtUp: () => {
        caughtUp += 1;
      },
    });
    const has = async (type: string) => {
      const wanted = (await rawEventsOf(store.url)).filter((event) => event.type === type).at(-1);
      await eventually(`${type} is on disk`, async () =>
        (await archived(directory)).some(({ id }) => id === wanted?.id),
      );
    };
    await eventually('all is there', () => caughtUp > 0);
    const writtenMs = performance.now();
    await one.seat('SeatReserved');
    await has('SeatReserved');
    expect(performance.now() - writtenMs).to.be.lessThan(flushMs + 2_000);
    const seen = await eventually('it is seen', () => readSeen(directory));
    await store.kill?.();
    await store.restart?.();
    await eventually('the store is back', async () => {
      await one.payment('PaymentHeld');
      return true;
    });
    await has('PaymentHeld');
    await eventually('it is seen again', async () => {
      const now = await readSeen(directory);
      return now !== undefined && now.at > seen.at && now.position !== seen.position;
    });
    await one.seat('SeatSold');
    stop.abort();
    await following;
    log.close();
    writer.close();
    expect((await checkArchive(directory)).faults).to.deep.equal([]);
    // Stopped in the middle of things: what is missing comes with the next.
    await create(store.url, directory);
    const all = await rawEventsOf(store.url);
    expect((await archived(directory)).map(plain)).to.deep.equal(all.map(plain));
  });

  it('is not gone on with from another log, nor from an older state of this one', async () => {
    await world();
    const directory = await newArchive();
    await create(store.url, directory);
    const before = await archived(directory);
    const other = await testEventStore();
    const otherClient = EventStoreDBClient.connectionString(other.url);
    try {
      for (const what of ['empty', 'shorter', 'longer']) {
        const events = what === 'empty' ? 0 : what === 'shorter' ? 1 : before.length * 2;
        for (let n = 0; n < events; n += 1) {
          const event = jsonEvent({ type: 'BalanceCharged', data: { n, text: 'x'.repeat(200) } });
          await otherClient.appendToStream('account-1', event, { expectedRevision: ANY });
        }
        const error = await create(other.url, directory).then(
          () => undefined,
          (refused: unknown) => refused,
        );
        expect(error, what).to.be.instanceOf(ArchiveError);
        expect((error as Error).message).to.match(/another log.*create --new/s);
      }
    } finally {
      await otherClient.dispose();
      await other.stop();
    }
    expect((await archived(directory)).map(plain)).to.deep.equal(before.map(plain));
    expect((await checkArchive(directory)).faults).to.deep.equal([]);
  });

  it('on a full disk says so, keeps what it has, and goes on when there is room', async function () {
    const disk = await smallDisk(1);
    if (disk === undefined) return this.skip();
    try {
      const one = await world();
      const directory = await newArchive(disk.path);
      await create(store.url, directory);
      const ballast = join(disk.path, 'ballast');
      await writeFile(ballast, randomBytes(2 * 1024 * 1024)).catch(() => {});
      for (let n = 0; n < 20; n += 1) {
        const title = randomBytes(10_000).toString('hex');
        await one.write(`concert-${one.session}`, 'ConcertRegistered', { title });
      }
      const refused = await create(store.url, directory).then(
        () => '',
        (error: Error) => error.message,
      );
      expect(refused).to.match(/disk is full: make room.*as good as before/);
      expect((await checkArchive(directory)).faults).to.deep.equal([]);
      await rm(ballast);
      expect(await create(store.url, directory)).to.be.greaterThan(0);
      expect((await checkArchive(directory)).faults).to.deep.equal([]);
    } finally {
      await disk.remove();
    }
  });
});
