import { join } from 'node:path';
import { ANY, jsonEvent } from '@eventstore/db-client';
import { expect } from 'chai';
import { eventsIn } from '../../src/backup/archive.ts';
import { createClient } from '../../src/infrastructure/eventstoredb/client.ts';
import { archiveParent } from '../backup/support/archives.ts';
import { eventually } from '../support/eventually.ts';
import { describeWithOwnEventStore } from '../support/servers.ts';
import { newTag } from '../support/tag.ts';
import { importCatalog, reprise } from './support/command-line.ts';
import { Service } from './support/service.ts';

interface Entry {
  readonly processing: boolean;
  readonly retryAfterMs: number;
}

const concert = newTag('gala');
const catalog = {
  concerts: [
    {
      ...{ concertId: concert, title: concert, waitingRoom: concert },
      sessions: [
        {
          sessionId: `${concert}-1`,
          startsAt: '2099-01-01T00:00:00Z',
          salesOpenAt: '2020-01-01T00:00:00Z',
          seatMap: [{ section: 'A', price: 100, rows: [{ row: '1', seats: 2 }] }],
        },
      ],
    },
  ],
};
const users = ['u1', 'u2', 'u3', 'u4', 'u5', 'u6', 'u7', 'u8'];

describeWithOwnEventStore('the log of the waiting queue', function () {
  this.timeout(180_000);
  let service: Service;
  let env: Record<string, string>;

  before(async () => {
    service = await Service.start({
      ...{ QUEUE_ADMITTED_MAX: '2', QUEUE_CLAIM_SECONDS: '2', QUEUE_ADMITTED_SECONDS: '3' },
      ...{ QUEUE_AFTER_PAYMENT_SECONDS: '1', HOLD_SECONDS: '3' },
    });
    env = { ...service.env, DATA_DIR: service.dataDir };
    await importCatalog(catalog, env);
    await eventually('the concert is known', async () => {
      const { status } = await service.call('GET', `/concert/waiting/status?userId=v&${room}`);
      return status === 200;
    });
    await sell('');
    await sell(`&${room}`);
    await run('queue', 'set', '--places', '1', '--reason', 'slow');
    for (const user of users) await poll(user);
    await run('queue', 'clear', '--reason', 'begin again');
    await run('queue', 'set', '--places', '2', '--reason', 'well again');
    // In the middle of a line: the last moves are lost.
    for (const user of users) await poll(user);
    await service.kill();
    await service.start();
    await sell('');
  });
  after(() => service.remove());

  const room = `concertId=${concert}`;
  const poll = async (user: string, more = ''): Promise<Entry> => {
    const path = `/concert/waiting/status?userId=${user}${more}`;
    return (await service.call<Entry>('GET', path)).body;
  };
  const run = async (...args: string[]) => {
    const { code, stdout, stderr } = await reprise(args, env);
    expect(code, stdout + stderr).to.equal(0);
    return stdout;
  };

  /** Each user polls as told, claims the place, and leaves it; u1 does not claim it at first. */
  async function sell(more: string): Promise<void> {
    const pass = async (user: string) => {
      const isAdmitted = () => poll(user, more).then(({ processing }) => processing);
      await eventually(`${user} is admitted`, isAdmitted, 60_000);
      if (user !== 'u1') await poll(user, more);
    };
    await Promise.all(users.map(pass));
    await eventually('u1 is admitted again', async () => (await poll('u1', more)).processing);
  }

  it('is proven by verify', async () => {
    const stdout = await run('verify');
    expect(stdout).to.match(/^queue {7}\d{2,} moves of waiting places$/m);
    expect(stdout).to.contain('proven from the log');
  });

  it('is found fair by the audit, a room a line', async () => {
    const stdout = await run('queue', 'audit');
    expect(stdout).to.match(/^\(the line of the shop\) +\d+/m);
    expect(stdout).to.match(new RegExp(`^${concert} +\\d+ +\\d+`, 'm'));
    expect(stdout).to.contain('exception unclaimed').and.to.contain('proven from the log');
    const csv = (await run('queue', 'audit', '--csv')).split('\n');
    expect(csv.filter((one) => one.startsWith(`${concert},u5,`))).to.have.length(1);
  });

  it('answers a user who asks about the wait', async () => {
    const stdout = await run('history', 'waiting', 'u1');
    expect(stdout).to.match(/enrol/);
    expect(stdout).to.contain('did not claim the admission in time');
    expect(stdout).to.contain(concert);
  });

  it('is in a backup, whole, which the proof reads, too', async () => {
    const parent = await archiveParent();
    await run('backup', 'create', '--to', parent);
    const [archive] = JSON.parse(await run('backup', 'list', '--json', '--to', parent)).archives;
    const lines: string[] = [];
    let moves = 0;
    for await (const events of eventsIn(join(parent, archive.id))) {
      for (const { stream, type, data } of events) {
        if (!stream.startsWith('queue-')) continue;
        lines.push(stream);
        if (type === 'QueueMoved') moves += JSON.parse(Buffer.from(data).toString()).moves.length;
      }
    }
    expect(lines.some((one) => /^queue-line-[0-9T-]{13}$/.test(one))).to.equal(true);
    expect(lines.some((one) => one.endsWith(`-${concert}`))).to.equal(true);
    expect(lines).to.include('queue-steering');
    const { log } = JSON.parse(await run('verify', '--json'));
    expect(moves).to.equal(log.queueMoves);
    expect(await run('backup', 'verify', '--deep', '--to', parent)).to.contain('proven');
  });

  it('is not proven with a move that nobody can have made', async () => {
    const store = createClient((await service.servers()).eventStoreUrl);
    const stream = `queue-line-${new Date().toISOString().slice(0, 13)}`;
    const move = ['enrolled', 'planted', 1, Date.now()];
    const metadata = { schemaVersion: 2, command: 'MoveQueue' };
    const planted = jsonEvent({ type: 'QueueMoved', data: { moves: [move] }, metadata });
    await store.appendToStream(stream, planted, { expectedRevision: ANY });
    await store.dispose();
    const { code, stdout } = await reprise(['verify', '--log-only'], env);
    expect(stdout).to.match(/VIOLATION wrong-queue at \d+@queue-line-\S+: planted enrolled at/);
    expect(code).to.equal(1);
  });
});
