import { expect } from 'chai';
import { Redis } from 'ioredis';
import { Client } from 'pg';
import { verify } from '../../src/verify/verify-log.ts';
import { eventually } from '../support/eventually.ts';
import { startRedisServer } from '../support/programs.ts';
import { describeWithOwnEventStore, testEventStore } from '../support/servers.ts';
import { newTag } from '../support/tag.ts';
import { catalogFile } from './support/buyers.ts';
import { importCatalog, reprise } from './support/command-line.ts';
import { metricShown } from './support/metric-shown.ts';
import { Service } from './support/service.ts';

interface Line {
  readonly name: string;
  readonly outcome: string;
  readonly detail: string;
}

const concert = newTag('c');

/** Of a service: the exit code, and each line by its name. */
async function check(service: Service, ...more: string[]) {
  const urls = ['--url', service.url, '--admin', service.adminUrl];
  const env = { ...service.env, DATA_DIR: service.dataDir };
  const { code, stdout, stderr } = await reprise(['check', '--json', ...urls, ...more], env);
  const told = JSON.parse(stdout || `{"checks":[{"name":${JSON.stringify(stderr)}}]}`);
  const lines = new Map((told.checks as Line[]).map((line) => [line.name, line]));
  const outcomes = Object.fromEntries([...lines].map(([name, { outcome }]) => [name, outcome]));
  return { code, outcomes, detail: (name: string) => lines.get(name)?.detail ?? '' };
}

const all = ['alive', 'ready', 'read side', 'holds', 'payments', 'queue', 'journey', 'proof'];
const allOk = Object.fromEntries(all.map((name) => [name, 'ok']));

// It proves the whole log. Other tests leave violations in a shared log, for example the negative
// controls.
describeWithOwnEventStore('reprise check', function () {
  this.timeout(180_000);
  let service: Service;
  before(async () => {
    service = await Service.start();
    const env = { ...service.env, DATA_DIR: service.dataDir };
    await importCatalog(catalogFile(1, concert), env);
  });
  after(() => service?.remove());

  const steer = async (...args: string[]) => {
    const env = { ...service.env, DATA_DIR: service.dataDir };
    const { code, stderr } = await reprise(['queue', ...args, '--reason', 'a test'], env);
    expect(code, stderr).to.equal(0);
  };

  it('skips the journey while its own room is paused, and names the room', async () => {
    await steer('pause', '--room', 'reprise-check');
    const { code, outcomes, detail } = await check(service, '--no-proof');
    await steer('resume', '--room', 'reprise-check');
    expect(outcomes).to.deep.equal({ ...allOk, journey: 'skipped', proof: 'skipped' });
    expect(code).to.equal(0);
    expect(detail('journey')).to.equal(
      'the room reprise-check is paused: reprise queue resume --room reprise-check',
    );
  });

  it('is 0 for a service that works, again and again, and leaves nothing held', async () => {
    const before = (await verify(await service.servers())).log;
    for (let run = 1; run <= 2; run += 1) {
      const { code, outcomes, detail } = await check(service);
      expect({ code, outcomes }, detail('journey')).to.deep.equal({ code: 0, outcomes: allOk });
      expect(detail('journey')).to.match(/^queue \d+ ms, sessions .*, free again \d+ ms$/);
    }
    const { status, body } = await service.call('GET', '/concert/reservation?userId=reprise-check');
    expect(status).to.equal(200);
    const made = Object.values(body).flat() as { status: string }[];
    expect(made.map((one) => one.status)).to.deep.equal(['released', 'released']);
    const { violations, log } = await verify(await service.servers());
    expect(violations.listed).to.deep.equal([]);
    const { reservations, payments, sold } = before;
    expect(log).to.include({ reservations: reservations + 2, payments, sold });
  });

  it('proves what came since the last proof, or the whole log where it is asked for', async () => {
    await service.charge('since', 1_000, 'since');
    const since = await check(service);
    expect(since.outcomes.proof, since.detail('proof')).to.equal('ok');
    // One charge, a hold of the journey and its end; the concert and the buyer of the journey.
    expect(since.detail('proof')).to.match(/^no violation: 3 events since .*, 4 streams/);
    const whole = await check(service, '--whole');
    expect(whole.detail('proof')).to.match(/^no violation: the whole log, \d+ events, in/);
  });

  it('shows buyers no concert of its own', async () => {
    const { body } = await service.call<unknown>('GET', '/concert');
    expect(JSON.stringify(body)).to.contain(concert).and.not.contain('reprise-check');
    const session = await service.call('GET', '/concert/reprise-check/session');
    expect(session.status, 'which is there all the same').to.equal(200);
  });

  it('is a table for people, and waits behind no buyer while the line is paused', async () => {
    await steer('pause');
    await eventually('it is paused', async () => {
      const metrics = await (await fetch(`${service.adminUrl}/metrics`)).text();
      return metrics.includes('reprise_queue_paused 1');
    });
    const urls = ['--url', service.url, '--admin', service.adminUrl];
    const { code, stdout } = await reprise(['check', '--no-proof', ...urls]);
    await steer('resume');
    expect(code, stdout).to.equal(0);
    expect(stdout).to.match(/^queue +skipped +an operator has paused it/m);
    expect(stdout).to.match(/^journey +ok +queue/m);
    expect(stdout).to.match(/^proof +skipped +left out/m);
    expect(stdout).to.match(/RECOVERED: all checks are ok; 2 skipped/);
  });

  it('is 1 when a payment is open for too long, or a seat held after its time', async () => {
    const { postgresUrl } = await service.servers();
    const db = new Client({ connectionString: postgresUrl });
    await db.connect();
    const left = async (table: string, sql: string, line: string, metric: string) => {
      await db.query(sql);
      await metricShown(service, metric, false);
      const failed = await check(service, '--no-proof');
      await db.query(`DELETE FROM ${table} WHERE user_id = 'left'`);
      await metricShown(service, metric, true);
      expect(failed.code).to.equal(1);
      expect(failed.outcomes).to.deep.equal({ ...allOk, [line]: 'failed', proof: 'skipped' });
    };
    try {
      await left(
        'payment',
        `INSERT INTO payment (payment_id, user_id, reservation_id, amount, currency, status, held_at,
           hold_expires_at) VALUES ('left', 'left', 'left', 1, 'KRW', 'held',
           now() - interval '1 minute', now() + interval '1 hour')`,
        'payments',
        'reprise_payments_open_oldest_seconds',
      );
      await left(
        'reservation',
        `INSERT INTO reservation (reservation_id, session_id, seat_ids, user_id, status, price,
           currency, reserved_at, expires_at) VALUES ('left', 'left', 'A-1-1', 'left', 'held', 1,
           'KRW', now() - interval '2 minutes', now() - interval '1 minute')`,
        'holds',
        'reprise_holds_overdue_oldest_seconds',
      );
    } finally {
      await db.end();
    }
    expect((await check(service)).outcomes, 'without them').to.deep.equal(allOk);
  });

  it('goes through a room of which Redis has nothing', async function () {
    const redis = await startRedisServer();
    if (redis === undefined) return this.skip();
    let other: Service | undefined;
    try {
      other = await Service.start({ REDIS_URL: redis.url });
      await importCatalog(catalogFile(1, newTag('c')), { ...other.env, DATA_DIR: other.dataDir });
      for (let run = 1; run <= 2; run += 1) {
        const { outcomes, detail } = await check(other, '--no-proof');
        expect(outcomes.journey, detail('journey')).to.equal('ok');
        const client = new Redis(redis.url);
        await client.flushall();
        client.disconnect();
      }
    } finally {
      await other?.remove();
      await redis.stop();
    }
  });

  it('is 2 when the proof cannot be made, and says what is missing', async () => {
    const urls = ['--url', service.url, '--admin', service.adminUrl];
    const { code, stdout } = await reprise(['check', ...urls], { DATA_DIR: '/tmp/no-such-data' });
    expect(code).to.equal(2);
    expect(stdout).to.match(
      /^proof +unknown +no service runs on .*: set DATA_DIR or EVENTSTORE_URL/m,
    );
  });

  it('is 1 when nothing answers, and 2 for a wrong option', async () => {
    const dead = await reprise(['check', '--url', 'http://127.0.0.1:9']);
    expect(dead.code).to.equal(1);
    expect(dead.stdout)
      .to.match(/^alive +FAILED/m)
      .and.match(/^journey +skipped/m);
    expect((await reprise(['check', '--url', 'nowhere'])).code).to.equal(2);
  });
});

describe('reprise check of a service whose event store is gone', function () {
  this.timeout(180_000);

  it('is 1, names it, and makes no journey', async () => {
    const store = await testEventStore({});
    const service = await Service.start({ EVENTSTORE_URL: store.url });
    try {
      await store.stop();
      await eventually('it is noticed', async () => (await service.readyz()).status !== 200);
      const { code, outcomes, detail } = await check(service);
      expect(code).to.equal(1);
      expect(outcomes).to.include({ alive: 'ok', ready: 'failed', journey: 'skipped' });
      expect(detail('ready')).to.contain('eventStore is down');
      expect(outcomes.proof).to.equal('unknown');
    } finally {
      await service.remove();
      await store.stop().catch(() => {});
    }
  });
});
