import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { jsonEvent } from '@eventstore/db-client';
import { expect } from 'chai';
import { createClient } from '../../src/infrastructure/eventstoredb/client.ts';
import type { Contract } from '../../src/releases/contract.ts';
import { catalogFile } from '../e2e/support/buyers.ts';
import { importCatalog, reprise } from '../e2e/support/command-line.ts';
import { Service } from '../e2e/support/service.ts';
import { eventually } from '../support/eventually.ts';

describe('going back to an older version', function () {
  this.timeout(300_000);
  let service: Service;
  let folder: string;
  let own: Contract;

  before(async () => {
    service = await Service.start({ EVENTSTORE_URL: '', POSTGRES_URL: '', REDIS_URL: '' });
    folder = await mkdtemp(join(tmpdir(), 'reprise-rollback-'));
    await importCatalog(catalogFile(2), { DATA_DIR: service.dataDir });
    const { stdout } = await reprise(['contract', '--json']);
    own = JSON.parse(stdout);
  });
  after(async () => {
    await service.remove();
    await rm(folder, { recursive: true, force: true });
  });

  const run = (...args: string[]) => reprise(args, { DATA_DIR: service.dataDir });
  async function fileOf(contract: unknown): Promise<string> {
    const file = join(folder, 'contract.json');
    await writeFile(file, JSON.stringify(contract));
    return file;
  }
  const check = async (contract: unknown) => {
    const { code, stdout, stderr } = await run('rollback', 'check', await fileOf(contract));
    return { code, text: stdout + stderr };
  };

  it('begins with what served the log: each version once, however often it starts', async () => {
    const releases = async () => {
      const { stdout } = await run('releases', '--json');
      return (JSON.parse(stdout) as { releases: { version: string; node: string }[] }).releases;
    };
    await eventually('it is noted', async () => (await releases()).length === 1);
    await service.stop();
    await service.start();
    await eventually('it serves', async () => (await service.readyz()).status === 200, 60_000);
    const found = await releases();
    expect(found).to.have.length(1);
    expect(found[0]).to.include({ version: own.version, node: process.version });
  });

  it('is safe where the version reads and writes the same', async () => {
    const { code, text } = await check(own);
    expect(text).to.match(/^SAFE: /m);
    expect(code).to.equal(0);
  });

  it('is safe with a rebuild where its tables are others', async () => {
    const { code, text } = await check({ ...own, readModels: { ...own.readModels, seat: 7 } });
    expect(text).to.match(/^SAFE WITH A REBUILD: [\s\S]*the old tables of seat are gone/m);
    expect(code).to.equal(1);
  });

  it('is not safe where the log has events that it cannot read: these, and only these, count', async () => {
    const { ConcertRegistered: _, ...events } = own.events;
    const unread = await check({ ...own, events });
    expect(unread.text).to.match(
      /^NOT SAFE: [\s\S]*1 ConcertRegistered of version \d+.*concert-c1/m,
    );
    expect(unread.code).to.equal(2);
    // Nothing of that type is in the log.
    const { SessionCancelled: __, ...rest } = own.events;
    expect((await check({ ...own, events: rest })).code).to.equal(0);
  });

  it('takes events on streams that it does not read for harmless, and says so', async () => {
    const { ReleaseServed: _, QueueMoved: __, ...events } = own.events;
    const streams = own.streams.filter((prefix) => !prefix.startsWith('queue'));
    await service.token('u1');
    await eventually('the line is in the log', async () => {
      const { code, text } = await check({ ...own, events, streams });
      expect(code).to.equal(0);
      return /QueueMoved of version \d+.*ignores them/.test(text);
    });
  });

  it('knows the contracts of released versions, and no others', async () => {
    const known = await run('rollback', 'check', '0.1.0');
    expect(known.stdout).to.match(/0\.1\.0/);
    expect([0, 1, 2]).to.include(known.code);
    const unknown = await run('rollback', 'check', '8.8.8');
    expect(unknown.stderr).to.match(/the contract of 8\.8\.8 is not known here/);
    expect(unknown.code).to.equal(3);
  });

  it('ignores the events of another program', async () => {
    const { eventStoreUrl } = await service.servers();
    const client = createClient(eventStoreUrl);
    await client.appendToStream('seat-elsewhere', [jsonEvent({ type: 'Moved', data: {} })]);
    await client.dispose();
    expect((await check(own)).code).to.equal(0);
  });

  it('brings no tables back while the service runs, nor where it is not safe', async () => {
    const other = { ...own, readModels: { ...own.readModels, seat: 7 } };
    const running = await run('rollback', 'tables', await fileOf(other));
    expect(running.stderr).to.match(/a service writes these tables/);
    const { SessionScheduled: _, ...events } = own.events;
    const unsafe = await run('rollback', 'tables', await fileOf({ ...own, events }));
    expect(unsafe.stderr).to.match(/NOT SAFE[\s\S]*Nothing was changed/);
    expect([running.code, unsafe.code]).to.deep.equal([1, 1]);
  });

  it('drops tables that do not fit; the service makes them anew, and shows what it showed', async () => {
    const seats = async () => (await service.call('GET', '/concert/c1/seat?sessionId=c1-1')).body;
    const before = await seats();
    await service.stop();
    const other = { ...own, readModels: { ...own.readModels, seat: 7 } };
    const { code, stdout, stderr } = await run('rollback', 'tables', await fileOf(other));
    expect(code, stderr).to.equal(0);
    expect(stdout).to.match(/all tables are dropped/);
    await service.start();
    await eventually('it serves', async () => (await service.readyz()).status === 200, 60_000);
    expect(await seats()).to.deep.equal(before);
    expect((await run('verify')).code).to.equal(0);
  });
});
