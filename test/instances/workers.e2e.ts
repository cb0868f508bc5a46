import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { get, type IncomingMessage } from 'node:http';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { parseMetrics } from '../../src/alarm/exposition.ts';
import { catalogFile, sessionsOf, startBuyers, withToken } from '../e2e/support/buyers.ts';
import { importCatalog } from '../e2e/support/command-line.ts';
import { verifyOf } from '../e2e/support/proof.ts';
import { Service } from '../e2e/support/service.ts';
import { eventually } from '../support/eventually.ts';
import { newTag } from '../support/tag.ts';
import { outcomes } from './support/instances.ts';
import { type TestRedis, testRedis } from './support/redis.ts';
import { workerPids } from './support/workers.ts';

const concert = newTag('w');
const sessions = 30;
const buyers = 16;
const drainSeconds = 5;
/** Lets a signal block the event loop for good. */
const blocking = '--import=data:text/javascript,process.on(%22SIGUSR2%22,()=%3E%7Bfor(;;);%7D)';

interface Readyz {
  readonly workers: readonly { readonly worker: number; readonly state: string }[];
}

describe('two workers behind one port', function () {
  this.timeout(240_000);
  let redis: TestRedis;
  let service: Service;

  before(async function () {
    if (process.platform !== 'linux') return this.skip();
    const started = await testRedis();
    if (started === undefined) {
      console.log('      skipped: REDIS_URL is not set and there is no redis-server');
      return this.skip();
    }
    redis = started;
    await redis.empty();
    service = await Service.start({
      WORKERS: '2',
      REDIS_URL: redis.url,
      QUEUE_ADMITTED_MAX: '1000',
      HOLD_SECONDS: '600',
      DRAIN_SECONDS: `${drainSeconds}`,
      HANG_SECONDS: '5',
      NODE_OPTIONS: blocking,
    });
    await importCatalog(catalogFile(sessions, concert), { DATA_DIR: service.dataDir });
    await onSale();
  });
  after(async () => {
    await service?.remove();
    await redis?.empty();
    await redis?.stop();
  });

  const name = `${concert}-buyer`;
  const states = async () => (await service.readyz<Readyz>()).body.workers;
  const bothReady = () =>
    eventually(
      'both workers are ready',
      async () => (await states()).every(({ state }) => state === 'ready'),
      60_000,
    );
  /** A new connection may go to any worker. */
  const onSale = () =>
    eventually('both sell', async () => {
      const lists = await Promise.all(
        Array.from({ length: 6 }, () => fresh(`/concert/${concert}/session`)),
      );
      return lists.every((status) => status === 200);
    });
  /** The status of a call on a new connection. */
  const fresh = async (path: string): Promise<number | undefined> => {
    const signal = AbortSignal.timeout(5_000);
    const request = get(service.url + path, { agent: false, signal });
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    response.resume();
    return response.statusCode;
  };
  const charge = async () => {
    for (let n = 1; n <= buyers; n += 1) await service.charge(`${name}-${n}`, 1_000_000, 'start');
  };
  const buy = () => startBuyers(service, { buyers, sessions: sessionsOf(sessions, concert), name });
  const expectProven = async () => {
    expect((await verifyOf(concert, await service.servers())).ours).to.deep.equal([]);
  };
  const worker = async (): Promise<number> => (await workerPids(service.pid))[0] ?? 0;
  const replaced = (killed: number) =>
    eventually(
      'another process took its place',
      async () => {
        const pids = await workerPids(service.pid);
        return pids.length === 2 && !pids.includes(killed);
      },
      60_000,
    ).then(bothReady);

  it('run the build of their primary, and do not compare it with the sources again', async () => {
    const pids = await workerPids(service.pid);
    const commands = pids.map((pid) => readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0'));
    const main = fileURLToPath(new URL('../../dist/src/main.js', import.meta.url));
    expect(commands.map((words) => words.includes(main))).to.deep.equal([true, true]);
  });

  it('sell, and no seat twice; one page has the metrics of both', async () => {
    await bothReady();
    await charge();
    const { acknowledged, stop } = buy();
    await eventually('buyers pay', () => acknowledged.payments.size > 100, 60_000);
    await stop();
    const page = await (await fetch(`${service.adminUrl}/metrics`)).text();
    const requests = parseMetrics(page).filter(
      ({ metric, labels }) =>
        metric === 'reprise_http_requests_total' && labels.call === 'payReservation',
    );
    expect(new Set(requests.map(({ labels }) => labels.worker))).to.deep.equal(new Set(['1', '2']));
    await expectProven();
  });

  it('sell one seat to one of 100 buyers, who all have a connection of their own', async () => {
    const users = Array.from({ length: 100 }, (_, n) => `${concert}-crowd-${n}`);
    const [[concertId, sessionId] = ['', '']] = sessionsOf(1, concert);
    const list = await service.call<{ seatList: { seatId: string; isAvailable: boolean }[] }>(
      'GET',
      `/concert/${concertId}/seat?sessionId=${sessionId}`,
    );
    const free = list.body.seatList.find(({ isAvailable }) => isAvailable)?.seatId ?? '';
    const tokens = await Promise.all(users.map((user) => service.token(user)));
    const answers = await Promise.all(
      users.map((user, n) => service.reserve(user, tokens[n] ?? '', concertId, sessionId, free)),
    );
    expect(outcomes(answers)).to.deep.equal({ '200': 1, '409 seat-taken': 99 });
  });

  it('kill -9 of one under load loses no acknowledged fact, and another takes its place', async () => {
    await charge();
    const { acknowledged, stop } = buy();
    const { payments, answers } = acknowledged;
    for (let kill = 0; kill < 2; kill += 1) {
      const before = payments.size;
      await eventually('buyers pay', () => payments.size > before + 20);
      const pid = await worker();
      process.kill(pid, 'SIGKILL');
      await replaced(pid);
    }
    const before = payments.size;
    await eventually('buyers pay again', () => payments.size > before + 20);
    await stop();
    expect(answers.get('500') ?? 0).to.equal(0);
    for (const [reservationId, userId] of payments) {
      const paid = await withToken(service, userId, (token) =>
        service.pay(userId, token, reservationId),
      );
      expect([reservationId, paid.status]).to.deep.equal([reservationId, 200]);
    }
    const metrics = parseMetrics(await (await fetch(`${service.adminUrl}/metrics`)).text());
    const restarts = metrics.find(
      ({ metric, labels }) =>
        metric === 'reprise_embedded_restarts_total' && labels.server === 'worker',
    );
    expect(restarts?.value).to.equal(2);
    expect(service.output).to.match(/worker \d ended by itself \(SIGKILL\) and is started again/);
    await eventually('every payment is settled', async () => {
      const { ours } = await verifyOf(concert, await service.servers());
      return ours.length === 0;
    });
  });

  it('one that hangs ends and is replaced; meanwhile the other sells', async () => {
    const pid = await worker();
    process.kill(pid, 'SIGUSR2');
    // A request that it accepted before it hangs gets no answer, too. So it must hang already.
    const hangs = () => states().then((all) => all.some(({ state }) => state === 'no answer'));
    await eventually('it hangs', hangs);
    // Node may give one connection to it.
    const answers = [];
    for (let n = 0; n < 5; n += 1) {
      answers.push(await fresh('/concert').catch(String));
    }
    const good = answers.filter((status) => status === 200);
    expect(good, answers.join(', ')).to.have.length.at.least(4);
    const { status, body } = await service.readyz();
    expect(status, JSON.stringify(body)).to.equal(200);
    await replaced(pid);
    expect(service.output).to.match(/"worker":\d.*the event loop stood still for 5 s/);
  });

  it('kill -9 of the primary process ends both, and the next start finds everything', async () => {
    const pids = await workerPids(service.pid);
    expect(pids).to.have.length(2);
    await service.kill();
    const lives = (pid: number): boolean => {
      try {
        return process.kill(pid, 0);
      } catch {
        return false;
      }
    };
    await eventually('both have ended', () => !pids.some(lives));
    await service.start();
    await bothReady();
    await expectProven();
  });

  it('SIGTERM drains both, and no request fails', async () => {
    const { acknowledged, stop } = buy();
    const before = acknowledged.payments.size;
    await eventually('buyers pay', () => acknowledged.payments.size > before + 10);
    const from = performance.now();
    const ending = service.terminate();
    await eventually('it says so', async () => (await fresh('/readyz')) === 503);
    expect((await service.readyz()).status).to.equal(503);
    // As a balancer does. Until now, each request was answered.
    await stop();
    expect(performance.now() - from, 'before the ports close').to.be.below(drainSeconds * 1_000);
    const failed = [...acknowledged.answers].filter(
      ([answer]) => answer === 'error' || Number(answer) >= 500,
    );
    expect(failed).to.deep.equal([]);
    expect(await ending).to.equal(0);
    expect(performance.now() - from).to.be.within(drainSeconds * 1_000 - 50, 40_000);
    await service.start();
    await bothReady();
    await expectProven();
  });
});
