import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { sql } from 'kysely';
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
import { history } from './support/history.ts';
import {
  hashOf,
  type ReadModels,
  readModels,
  rowsFromScratch,
  tableRows,
} from './support/read-models.ts';

const eventCount = 6_000;
const bin = fileURLToPath(new URL('../../bin/reprise.js', import.meta.url));

interface Command {
  readonly child: ChildProcess;
  readonly ended: Promise<{ code: number | null; out: string; err: string }>;
}

describeWithOwnEventStore('reprise rebuild', function () {
  this.timeout(180_000);
  let server: TestEventStore;
  let eventStore: EventStore;
  let models: ReadModels;
  let dataDir: string;
  let log: Awaited<ReturnType<typeof wholeLog>>;
  const children = new Set<ChildProcess>();

  before(async () => {
    dataDir = await mkdtemp(path.join(tmpdir(), 'reprise-rebuild-'));
    [server, models] = await Promise.all([testEventStore(), readModels()]);
    eventStore = connectEventStore(server.url);
    const prefix = `rebuild${process.pid}x`;
    const events = history({ seed: 3, sessions: 20, seatsPerSession: 40, users: 60, prefix });
    const some = Array.from({ length: eventCount }, () => events.next().value as Written);
    const head = await appendHistory(eventStore, some);
    const { projector } = startInstance(models.url, eventStore);
    expect(await projector.reached(head, 120_000)).to.equal(true);
    log = await wholeLog(eventStore);
  });

  after(async () => {
    for (const child of children) child.kill('SIGKILL');
    await stopInstances();
    await eventStore.close();
    await models.close();
    await server.stop();
    await rm(dataDir, { recursive: true, force: true });
  });

  const reprise = (...args: string[]) => command('rebuild', ...args);

  function command(...args: string[]): Command {
    const child = spawn(process.execPath, [bin, ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: {
        ...process.env,
        DATA_DIR: dataDir,
        EVENTSTORE_URL: server.url,
        POSTGRES_URL: models.url,
      },
    });
    children.add(child);
    let [out, err] = ['', ''];
    child.stdout.on('data', (text) => {
      out += text;
    });
    child.stderr.on('data', (text) => {
      err += text;
    });
    const ended = once(child, 'close').then(([code]) => {
      children.delete(child);
      return { code: code as number | null, out, err };
    });
    return { child, ended };
  }

  const schemas = async (): Promise<string[]> => {
    const { rows } = await sql<{ name: string }>`
      SELECT nspname AS name FROM pg_namespace WHERE nspname LIKE 'reprise%' ORDER BY 1`.execute(
      models.db,
    );
    return rows.map(({ name }) => name);
  };

  const built = async (): Promise<number> => {
    const { rows } = await sql<{ events: bigint }>`
      SELECT events FROM reprise_rebuild.build`.execute(models.db);
    return Number(rows[0]?.events ?? 0);
  };

  it('goes on after kill -9, and the tables are as from scratch', async () => {
    const killed = reprise();
    await eventually('some is built', built, 60_000);
    killed.child.kill('SIGKILL');
    await killed.ended;
    const left = await built();
    expect(left).to.be.within(1, log.length - 1);
    const { code, out, err } = await reprise().ended;
    expect({ code, err }).to.deep.equal({ code: 0, err: '' });
    expect(out).to.contain(`continued an interrupted rebuild after ${left} events`);
    expect(out).to.contain(`${log.length} events, up to position`);
    expect(out).to.contain('every row is the same');
    expect(await schemas()).to.deep.equal(['reprise_old']);
    expect(hashOf(await tableRows(models.db))).to.equal(hashOf(rowsFromScratch(log)));
  });

  it('leaves nothing after Ctrl-C', async () => {
    const cancelled = reprise('seat', 'account');
    await eventually('some is built', built, 60_000);
    cancelled.child.kill('SIGINT');
    const { code, err } = await cancelled.ended;
    expect({ code, err }).to.deep.equal({
      code: 1,
      err: 'reprise: cancelled: nothing was changed\n',
    });
    expect(await schemas()).to.deep.equal(['reprise_old']);
  });

  it('tells rows that differ and nothing else, and whether there were any', async () => {
    await sql`UPDATE seat SET user_id = 'thief' WHERE (session_id, seat_id) IN
      (SELECT session_id, seat_id FROM seat ORDER BY 1, 2 LIMIT 1)`.execute(models.db);
    const found = await reprise('--dry-run', '--only-diff', 'seat').ended;
    expect(found.code).to.equal(1);
    expect(found.out.split('\n')).to.have.length(2);
    expect(found.out).to.match(/^seat \S+ A-1-1: user_id is "thief", the log says .*\n$/);
    expect(found.err).to.contain('rows that differ: 1 in seat');
    expect((await reprise('seat').ended).code).to.equal(0);
    expect(hashOf(await tableRows(models.db))).to.equal(hashOf(rowsFromScratch(log)));
  });

  it('shows every projection, with its last rebuild', async () => {
    const [{ code, out, err }, { out: table }] = await Promise.all([
      command('projections', '--json').ended,
      command('projections').ended,
    ]);
    expect({ code, err }).to.deep.equal({ code: 0, err: '' });
    const { projections: shown, parked } = JSON.parse(out);
    expect(parked).to.deep.equal([]);
    expect(shown).to.have.length(5);
    for (const one of shown) {
      expect(one).to.include({ version: 1, behindEvents: 0, status: 'live', error: null });
      expect(String(one.rebuiltAt)).to.match(/^20/);
    }
    expect(table).to.match(/^projection +version +position +behind/);
    expect(table).to.match(/\nseat +1 +\d+ +nothing +0 +live +20/);
  });

  it('makes no log where there is none, nor does looking at the projections', async () => {
    const run = async (name: string) => {
      const child = spawn(process.execPath, [bin, name], {
        stdio: ['ignore', 'ignore', 'pipe'],
        env: { ...process.env, DATA_DIR: dataDir, EVENTSTORE_URL: '', POSTGRES_URL: models.url },
      });
      children.add(child);
      let err = '';
      child.stderr.on('data', (chunk) => {
        err += chunk;
      });
      const [code] = await once(child, 'close');
      expect({ name, code, err }).to.deep.equal({
        name,
        code: 1,
        err: `reprise: there is no ${path.join(dataDir, 'eventstore')}, and no service runs on its directory: set DATA_DIR or EVENTSTORE_URL\n`,
      });
    };
    await Promise.all(['rebuild', 'projections'].map(run));
  });

  it('drops the old tables when told to, and refuses a projection that there is not', async () => {
    const [dropped, { code, err }] = await Promise.all([
      reprise('--drop-old').ended,
      reprise('seats').ended,
    ]);
    expect(dropped.out).to.match(/^dropped .*seat/);
    expect(await schemas()).to.deep.equal([]);
    expect({ code, err }).to.deep.equal({
      code: 1,
      err: 'reprise: there is no projection seats; the projections are concert, session, seat, reservation, account\n',
    });
  });
});
