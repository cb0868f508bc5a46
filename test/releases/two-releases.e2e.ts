import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { catalogFile } from '../../src/drill/sale-catalog.ts';
import { readContract } from '../../src/releases/contract.ts';
import { bin } from '../e2e/support/command-line.ts';
import { Ledger } from './support/ledger.ts';
import {
  commitBefore,
  commitOfRelease,
  type Found,
  readsOf,
  unpack,
} from './support/older-release.ts';
import { Release } from './support/release.ts';

/** The release that this one replaces. */
const replaced = '0.1.0';
/** Every release before this file refuses tables that a release of today has made. */
const newestMigration = 'migrations/0008-lost-fence.ts';

/** A concert with a room, for which older releases have no word; or the same one without it. */
const gala = (title: string, waitingRoom?: string) => ({
  concerts: catalogFile(1, 'gala').concerts.map((one) => ({
    ...{ ...one, title },
    ...(waitingRoom !== undefined && { waitingRoom }),
  })),
});

/** The commit; where there is none, the output says why. */
function orSay(found: Found): string | undefined {
  if ('commit' in found) return found.commit;
  console.error(`    skipped, because ${found.why}`);
  return undefined;
}

describe('releases of this repository, one after the other on one data directory', function () {
  // For each step. Each wait in it has its own bound, which names what did not come.
  this.timeout(300_000);
  let folder: string;
  let dataDir: string;
  /** The release `replaced`, the last code without the newest migration, and the code of today. */
  let older: Release;
  let oldest: Release;
  let newer: Release;
  const ledger = new Ledger();

  before(async function () {
    const release = orSay(commitOfRelease(replaced));
    const before = release && orSay(commitBefore(newestMigration));
    if (!release || !before) return this.skip();
    folder = await mkdtemp(join(tmpdir(), 'reprise-releases-'));
    dataDir = join(folder, 'data');
    older = new Release(await unpack(release, join(folder, 'older')), dataDir);
    oldest = new Release(await unpack(before, join(folder, 'oldest')), dataDir);
    newer = new Release(bin, dataDir);
  });
  after(async () => {
    if (folder === undefined) return;
    for (const release of [older, oldest, newer]) await release?.stop();
    await rm(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
  });

  // Each step needs the data of the steps before it.
  let hasFailed = false;
  beforeEach(function () {
    if (hasFailed) this.skip();
  });
  afterEach(function () {
    hasFailed ||= this.currentTest?.state === 'failed';
  });

  const expectDone = ({ code, said }: { code: number | null; said: string }): void =>
    void expect(code, said).to.equal(0);
  const expectProven = async (release: Release): Promise<void> =>
    expectDone(await release.command('verify'));
  async function expectCheck(contract: string, code: number): Promise<string> {
    const checked = await newer.command('rollback', 'check', contract);
    expect(checked.code, checked.said).to.equal(code);
    return checked.said;
  }

  it(`the contract of ${replaced} says what that release reads`, async () => {
    const { events, readModels, migrations } = await readContract(replaced);
    const reads = await readsOf(join(folder, 'older'));
    expect(reads).to.deep.equal({ events, readModels, migrations });
  });

  it(`${replaced} sells`, async () => {
    await older.serve();
    expectDone(await older.import(catalogFile(2)));
    await ledger.sell(older, 'u1');
    await ledger.expectKeptIn(older);
    await older.stop();
  });

  it('this release shows what that one wrote, sells with it, and proves all of it', async () => {
    await newer.serve();
    await ledger.expectKeptIn(newer);
    await ledger.charge(newer, 'u1');
    await ledger.payHeld(newer, 'u1');
    await ledger.sell(newer, 'u2');
    expectDone(await newer.import(catalogFile(1, 'c2')));
    expectDone(await newer.command('check'));
    await expectProven(newer);
  });

  it('after a sale, an import and a recovery check, the way back is safe', async () => {
    const said = await expectCheck(replaced, 0);
    expect(said).to.match(/^SAFE: [\s\S]*QueueMoved of version 2.*ignores them/m);
    await newer.stop();
    const tables = await newer.command('rollback', 'tables', replaced);
    expect(tables.said).to.match(/the tables already belong to 0\.1\.0/);
  });

  it(`${replaced} goes on, and proves all of it`, async () => {
    await older.serve();
    await ledger.expectKeptIn(older);
    await ledger.charge(older, 'u2');
    await ledger.payHeld(older, 'u2');
    await ledger.sell(older, 'u3', { concertId: 'c2' });
    await expectProven(older);
  });

  it('a release that does not know a migration is safe with a rebuild, and goes on after it', async () => {
    const file = join(folder, 'contract.json');
    const reads = await readsOf(join(folder, 'oldest'));
    const contract = { ...(await readContract(replaced)), ...reads, version: '0.0.9' };
    await writeFile(file, JSON.stringify(contract));
    expect(await expectCheck(file, 1)).to.match(
      /^SAFE WITH A REBUILD: [\s\S]*does not know the migrations 0008/m,
    );
    await older.stop();
    const refused = await oldest.serve().catch((error: Error) => error.message);
    expect(refused).to.match(/0008-lost-fence/);
    const tables = await newer.command('rollback', 'tables', file);
    expect(tables.said).to.match(/all tables are dropped/);
    await oldest.serve();
    await ledger.expectKeptIn(oldest);
    await ledger.payHeld(oldest, 'u3');
    await ledger.sell(oldest, 'u4');
    await expectProven(oldest);
    await oldest.stop();
  });

  it('after a concert with a room, the way back is not safe, and changes nothing', async () => {
    await newer.serve();
    await ledger.expectKeptIn(newer);
    expectDone(await newer.import(gala('Gala', 'gala')));
    await ledger.sell(newer, 'u5', { concertId: 'gala', room: 'gala' });
    await expectProven(newer);
    const said = await expectCheck(replaced, 2);
    expect(said).to.match(/^NOT SAFE: .*\n {2}1 ConcertRegistered of version 2.*concert-gala: /m);
    const tables = await newer.command('rollback', 'tables', replaced);
    expect(tables.said).to.match(/NOT SAFE[\s\S]*Nothing was changed/);
    expect(tables.code).to.equal(1);
    await newer.stop();
  });

  it(`${replaced} parks what the check said, refuses to change it, and sells the rest`, async () => {
    // Tables that another release has made have these events already: so they are lost first.
    await rm(join(dataDir, 'postgres'), { recursive: true });
    await older.serve();
    await ledger.expectKeptIn(older);
    await ledger.payHeld(older, 'u4');
    await ledger.sell(older, 'u6');
    const { body } = await older.call<{ concertId: string }[]>('GET', '/concert');
    expect(body.map(({ concertId }) => concertId)).to.have.members(['c1', 'c2', 'reprise-check']);
    const { said: parked } = await older.command('projections');
    expect(parked).to.match(/^parked: 2 events of 1 stream[^\n]*\n {2}concert-gala, 2 events: /m);
    const refused = await older.import(gala('Other'));
    expect(refused.said).to.match(/0@concert-gala.*upgrade first/);
    expect(refused.code).to.equal(1);
    const { code, said } = await older.command('verify');
    expect(said).to.match(/^NOT PROVEN: 1 violation: unreadable 1$/m);
    expect(code).to.equal(1);
    await older.stop();
  });

  it('this release writes what was parked, and nothing is lost', async () => {
    await newer.serve();
    const retried = await newer.command('projections', 'retry');
    expectDone(retried);
    expect(retried.said).to.match(/written: 2 events that had been parked/);
    await ledger.expectKeptIn(newer);
    await ledger.payHeld(newer, 'u5', 'gala');
    await ledger.expectKeptIn(newer);
    await expectProven(newer);
  });
});
