import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdtemp, open, readdir, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { EventStoreDBClient, jsonEvent } from '@eventstore/db-client';
import { expect } from 'chai';
import { startEmbeddedEventStore } from '../../embedded/eventstore/start.ts';
import { writeImage } from '../../src/infrastructure/eventstoredb/image-call.ts';
import { catalogFile, sessionsOf, startBuyers } from '../e2e/support/buyers.ts';
import { importCatalog, reprise } from '../e2e/support/command-line.ts';
import { serviceEnvironment } from '../e2e/support/environment.ts';
import { Service } from '../e2e/support/service.ts';
import { eventually } from '../support/eventually.ts';
import { archiveParent } from './support/archives.ts';
import { rawEventsOf } from './support/raw-events.ts';

const bin = fileURLToPath(new URL('../../bin/reprise.js', import.meta.url));
const sessions = 100;
const kills = Number(process.env.IMAGE_KILLS ?? '3');

describe('an image of the embedded event store', function () {
  this.timeout(600_000);
  let service: Service;
  let parent: string;
  let image: string;
  /** Bought after the last image. */
  let lost: ReadonlyMap<string, string>;

  before(async () => {
    service = await Service.start({ EVENTSTORE_URL: '', POSTGRES_URL: '', REDIS_URL: '' });
    parent = await archiveParent();
    await importCatalog(catalogFile(sessions), env());
    for (let n = 1; n <= 5; n += 1) await service.charge(`buyer-${n}`, 1_000_000, `first-${n}`);
  });
  after(() => service.remove());

  const env = () => ({ DATA_DIR: service.dataDir });
  const run = async (...args: string[]) => {
    const ended = await reprise(args, env());
    expect(ended.code, `${args.join(' ')}: ${ended.stdout}${ended.stderr}`).to.equal(0);
    return ended.stdout;
  };
  const images = async () => (await readdir(parent)).filter((name) => name !== 'images.lock');

  it('is taken while buyers buy, has what they were told before, and is proven', async () => {
    const buying = startBuyers(service, { buyers: 5, sessions: sessionsOf(sessions) });
    const { payments, answers } = buying.acknowledged;
    await eventually('some have bought', () => payments.size >= 15, 60_000);
    const told = new Map(payments);
    await run('backup', 'image', '--to', parent);
    await eventually('others after it', () => payments.size >= told.size + 8, 60_000);
    await buying.stop();
    expect([...answers.keys()].filter((answer) => /^5|error/.test(answer))).to.deep.equal([]);
    const [name = ''] = await images();
    image = join(parent, name);
    const { images: listed } = JSON.parse(await run('backup', 'list', '--json', '--to', parent));
    expect(listed).to.have.length(1);
    expect(listed[0]).to.include({ id: name, format: 1 });
    expect(await run('backup', 'verify', name, '--to', parent)).to.match(
      /complete: .*an event store opens it[\s\S]*proven from the log/i,
    );
    expect(await images()).to.deep.equal([name]);
    const copy = await mkdtemp(join(tmpdir(), 'reprise-image-'));
    await cp(image, copy, { recursive: true });
    const sold = (await eventsIn(copy)).filter(({ type }) => type === 'SeatSold');
    await rm(copy, { recursive: true, force: true });
    const ids = sold.map(({ data }) => JSON.parse(Buffer.from(data).toString()).reservationId);
    expect(ids).to.include.members([...told.keys()]);
    expect(payments.size).to.be.greaterThan(told.size);
  });

  it(`whose writer is killed ${kills} times is not there, and the next one is whole`, async () => {
    const there = await images();
    for (let kill = 0; kill < kills; kill += 1) {
      const args = [bin, 'backup', 'image', '--to', parent];
      const child = spawn(process.execPath, args, {
        env: serviceEnvironment(env()),
        stdio: 'ignore',
      });
      const ended = once(child, 'exit');
      await eventually('it writes', async () => (await images()).length > there.length, 60_000, 1);
      child.kill('SIGKILL');
      await ended;
      const { images: listed } = JSON.parse(await run('backup', 'list', '--json', '--to', parent));
      // A rename that was done already counts: then it is whole.
      for (const { id } of listed) await run('backup', 'verify', id, '--to', parent);
    }
    await run('backup', 'image', '--to', parent, '--keep', '1');
    const left = await images();
    expect(left).to.have.length(1);
    expect(left[0]).to.match(/^image-/);
    await run('backup', 'verify', left[0] ?? '', '--to', parent);
  });

  it('that was changed in one byte, or cut, is not whole, and is not restored', async () => {
    await run('backup', 'image', '--to', parent);
    const [good = ''] = await images();
    for (const spoil of ['byte', 'cut']) {
      const copy = join(parent, `image-20000101T000000Z-0000000${spoil === 'cut' ? 1 : 2}`);
      await cp(join(parent, good), copy, { recursive: true });
      const file = await open(join(copy, 'log.mdb'), 'r+');
      if (spoil === 'cut') await file.truncate(8_192);
      else await file.write(Buffer.from([255]), 0, 1, 20_000);
      await file.close();
      const { code, stdout } = await reprise(['backup', 'verify', copy], env());
      expect([code, stdout]).to.deep.include(1);
      expect(stdout).to.contain('NOT COMPLETE: log.mdb');
      const dataDir = await mkdtemp(join(tmpdir(), 'reprise-image-'));
      const restored = await reprise(['restore', copy], { DATA_DIR: dataDir });
      expect(restored.code, restored.stdout).to.equal(1);
      expect(await readdir(dataDir)).not.to.include('eventstore');
      await rm(dataDir, { recursive: true, force: true });
      await rm(copy, { recursive: true });
    }
  });

  it('is refused where it cannot be: a service runs, a log is there, a store of another kind', async () => {
    const [good = ''] = await images();
    const restore = async (settings: Record<string, string>) =>
      (await reprise(['restore', join(parent, good)], settings)).stderr;
    expect(await restore(env())).to.match(/a service runs on/);
    const elsewhere = { DATA_DIR: parent, EVENTSTORE_URL: 'esdb://127.0.0.1:1?tls=false' };
    expect(await restore(elsewhere)).to.match(/only the embedded event store has images/);
    const imaged = await reprise(['backup', 'image', '--to', parent], elsewhere);
    expect(imaged.stderr).to.match(/only the embedded event store has images/);
  });

  it('is not written by a store that anybody may call', async () => {
    const data = await mkdtemp(join(tmpdir(), 'reprise-open-store-'));
    const store = await startEmbeddedEventStore({ data });
    const path = join(data, 'copy.mdb');
    const refusal = await writeImage(store.url, path).catch((error: Error) => error.message);
    await store.stop();
    expect(refusal).to.match(/no password/);
    expect(await readdir(data)).not.to.include('copy.mdb');
    await rm(data, { recursive: true, force: true });
  });

  it('is restored to an earlier time, and newer tables are not taken for its own, however long its log grows', async () => {
    const [good = ''] = await images();
    image = join(parent, good);
    const buying = startBuyers(service, {
      ...{ buyers: 5, sessions: sessionsOf(sessions), name: 'late' },
    });
    for (let n = 1; n <= 5; n += 1) await service.charge(`late-${n}`, 1_000_000, `late-${n}`);
    const { payments } = buying.acknowledged;
    await eventually('late ones have bought', () => payments.size >= 8, 60_000);
    await buying.stop();
    lost = new Map(payments);
    await eventually('the tables have it all', async () => {
      return (await projection()).lagEvents === 0;
    });
    await service.kill();
    const old = join(service.dataDir, 'eventstore');
    await eventually('the store has stopped', async () => {
      const { code } = await reprise(['restore', image], env());
      return code === 1;
    });
    await rename(old, `${old}.old`);
    expect(await run('restore', image)).to.contain('The sale is closed');
    expect((await reprise(['restore', image], env())).stderr).to.contain('exists: nothing');

    const { missing } = JSON.parse(
      (await run('restore', 'reconcile', '--json')).replace(/^[^{]*/, ''),
    ) as { missing: { what: string; id: string; userId: string }[] };
    const reservations = missing.filter(({ what }) => what === 'reservation');
    for (const [id, userId] of lost) {
      expect(reservations.find((one) => one.id === id)?.userId, id).to.equal(userId);
    }

    await growPast((await eventsIn(`${old}.old`)).at(-1)?.position ?? 0n);
    await service.start();
    expect(service.output).to.match(/sale +closed/);
    await eventually('tables of before are of another log', async () => {
      return (await projection()).state === 'other-log';
    });
    await sleep(1_500);
    expect((await projection()).state).to.equal('other-log');
    expect((await service.charge('buyer-1', 5, 'after')).status).to.equal(503);
  });

  it('then sells on, and gives no id again that was given out and lost', async () => {
    await run('rebuild');
    await run('restore', 'open', '--reason', 'the late buyers of the test were called');
    await eventually('buyers may go on', async () => {
      const { status } = await service.charge('buyer-1', 5, 'after');
      return status === 200;
    });
    const again = startBuyers(service, {
      ...{ buyers: 5, sessions: sessionsOf(sessions), name: 'buyer' },
    });
    await eventually('they buy', () => again.acknowledged.payments.size >= 5, 60_000);
    await again.stop();
    for (const id of again.acknowledged.reservations.keys()) {
      expect(id).to.match(/\.\d+-[0-9a-f]{8}$/);
    }
    // A seat that was lost is sold to another buyer: not under the id that the first one has.
    const [lostId = ''] = lost.keys();
    const [sessionId = '', seatId = ''] = lostId.split('.');
    const token = await service.token('buyer-9');
    const sale = await service.reserve('buyer-9', token, 'c1', sessionId, seatId);
    if (sale.status === 200) expect(sale.body.reservationId).to.match(/-[0-9a-f]{8}$/);
    expect(lost.has(sale.body.reservationId)).to.equal(false);
    const [sold = ''] = again.acknowledged.payments.keys();
    expect(await run('history', 'reservation', sold)).to.contain('sold');
    await eventually(
      'all is settled and proven',
      async () => (await reprise(['verify'], env())).code === 0,
      60_000,
    );
  });

  async function projection() {
    const { body } = await service.readyz<{ projection: { state: string; lagEvents: number } }>();
    return body.projection;
  }

  const storeAt = (data: string) => startEmbeddedEventStore({ data });

  /** The events of the log in a directory. */
  async function eventsIn(directory: string) {
    const store = await storeAt(directory);
    const all = await rawEventsOf(store.url);
    await store.stop();
    return all;
  }

  /** Another program's events go into the restored log until it is longer than a position. */
  async function growPast(position: bigint): Promise<void> {
    const store = await storeAt(join(service.dataDir, 'eventstore'));
    const client = EventStoreDBClient.connectionString(store.url);
    const data = { text: 'x'.repeat(50_000) };
    let at = 0n;
    while (at <= position) {
      const result = await client.appendToStream('elsewhere-1', [
        jsonEvent({ type: 'Grew', data }),
      ]);
      at = result.position?.commit ?? 0n;
    }
    await client.dispose();
    await store.stop();
  }
});
