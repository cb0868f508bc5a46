import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { promqlOf, promqlOfValues } from '../../src/alarm/promql.ts';
import { rules } from '../../src/alarm/rules.ts';
import type { Program } from '../../src/drill/programs.ts';
import { catalogFile, sessionsOf, startBuyers } from '../e2e/support/buyers.ts';
import { importCatalog, reprise, startReprise } from '../e2e/support/command-line.ts';
import { Service } from '../e2e/support/service.ts';
import { eventually } from '../support/eventually.ts';
import { startPrometheus } from '../support/prometheus.ts';

interface Board {
  readonly panels: readonly {
    readonly title: string;
    readonly targets?: readonly { readonly expr: string }[];
  }[];
}

const board: Board = JSON.parse(readFileSync('ops/grafana/reprise.json', 'utf8'));
const queries = board.panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr));

/** The long waits: two scrapes of each counter, and a board that has everything. */
const shownMs = 60_000;

/** Refusals and refunds, so that each counter has been counted. */
async function oneOfEach(service: Service): Promise<void> {
  const token = await service.token('each');
  await service.charge('each', 1_000_000, 'each');
  const hold = async (seatId: string) =>
    (await service.reserve('each', token, 'c1', 'c1-1', seatId)).body.reservationId;
  const cancel = (id: string) =>
    service.call('DELETE', `/concert/reservation/${id}?userId=each`, {});
  const paid = await hold('A-1-1');
  await service.pay('each', token, paid);
  await cancel(paid);
  await cancel(await hold('A-1-2'));
  await service.call('GET', '/concert/waiting/status?userId=each&concertId=gala');
  const other = await service.token('other');
  await hold('A-1-3');
  await service.reserve('other', other, 'c1', 'c1-1', 'A-1-3');
}

describe('Prometheus, with the files of the profile observability, on a service that sells', function () {
  this.timeout(300_000);
  let service: Service;
  let prometheus: Program | undefined;
  let follow: ReturnType<typeof startReprise> | undefined;
  let buying: ReturnType<typeof startBuyers> | undefined;

  before(async function () {
    const config = readFileSync('ops/prometheus/prometheus.yml', 'utf8');
    const ruleFile = readFileSync('ops/prometheus/reprise.rules.yml', 'utf8');
    service = await Service.start({ EVENTSTORE_URL: '', POSTGRES_URL: '', REDIS_URL: '' });
    const target = new URL(service.adminUrl).host;
    expect(config).to.include('"reprise:3001"');
    prometheus = await startPrometheus(config.replace('reprise:3001', target), {
      'reprise.rules.yml': ruleFile,
    });
    if (prometheus === undefined) return this.skip();
    await sell();
  });
  after(async () => {
    await buying?.stop();
    follow?.signal('SIGKILL');
    await prometheus?.stop();
    await service?.remove();
  });

  const env = () => ({ DATA_DIR: service.dataDir });

  async function sell(): Promise<void> {
    const rooms = catalogFile(1, 'gala').concerts.map((one) => ({ ...one, waitingRoom: 'gala' }));
    await importCatalog({ concerts: [...catalogFile(20).concerts, ...rooms] }, env());
    for (let n = 1; n <= 3; n += 1) await service.charge(`buyer-${n}`, 1_000_000, `first-${n}`);
    follow = startReprise(['backup', 'follow', '--every', '1'], env());
    await reprise(['verify'], env());
    const sessions = sessionsOf(20).slice(1);
    buying = startBuyers(service, { buyers: 3, sessions });
    await oneOfEach(service);
    // An operator closes the queue for newcomers for a moment: these answers are 503.
    const steer = (how: string) => reprise(['queue', how, '--reason', 'a test'], env());
    await steer('drain');
    // Who comes before the drain is known here gets a place, and is a newcomer no longer.
    let came = 0;
    await eventually('a newcomer is refused', async () => {
      came += 1;
      const { status } = await service.call('GET', `/concert/waiting/status?userId=late-${came}`);
      return status === 503;
    });
    await steer('resume');
  }

  interface Series {
    readonly metric: Readonly<Record<string, string>>;
    readonly value: readonly [number, string];
  }

  async function ask<T>(path: string): Promise<T> {
    const answer = await fetch(`${prometheus?.url}/api/v1/${path}`);
    const { status, data, error } = (await answer.json()) as Record<string, unknown>;
    if (status !== 'success') throw new Error(`${decodeURIComponent(path)}: ${error}`);
    return data as T;
  }
  const query = async (expr: string): Promise<readonly Series[]> =>
    (await ask<{ result: Series[] }>(`query?query=${encodeURIComponent(expr)}`)).result;

  /** Of these queries, those that have no series, or whose values are no numbers. */
  async function empty(all: readonly string[]): Promise<string[]> {
    const found: string[] = [];
    for (const expr of all) {
      const series = await query(expr);
      if (!series.some(({ value: [, value] }) => Number.isFinite(Number(value)))) found.push(expr);
    }
    return found;
  }

  /** Waits until no query is empty. If one stays empty, the failure names it. */
  async function allHaveData(all: readonly string[]): Promise<void> {
    const endMs = Date.now() + shownMs;
    let left = await empty(all);
    while (left.length > 0 && Date.now() < endMs) left = await empty(left);
    expect(left).to.deep.equal([]);
  }

  it('scrapes it', async () => {
    await eventually(
      'it is up',
      async () => {
        const [up] = await query('up{job="reprise"}');
        return up?.value[1] === '1';
      },
      shownMs,
    );
  });

  it('has data for every query of the board', async () => {
    expect(queries).to.have.lengthOf.at.least(30);
    await allHaveData(queries);
  });

  it('has data for every value that a rule compares', async () => {
    await allHaveData([...new Set(rules.flatMap(promqlOfValues))]);
  });

  it('would find a query that has none (negative control)', async () => {
    const [first = ''] = queries;
    expect(await empty([first, 'reprise_no_such_metric'])).to.deep.equal([
      'reprise_no_such_metric',
    ]);
  });

  it('evaluates every rule without an error, and none is true but the dead-man’s', async () => {
    interface Rules {
      readonly groups: readonly {
        readonly rules: readonly {
          readonly name: string;
          readonly health: string;
          readonly lastError?: string;
          readonly query: string;
        }[];
      }[];
    }
    const found = await eventually('each was evaluated', async () => {
      const { groups } = await ask<Rules>('rules');
      const all = groups.flatMap((group) => group.rules);
      const isDone = all.length === rules.length && all.every(({ health }) => health !== 'unknown');
      return isDone ? all : undefined;
    });
    expect(found.filter(({ health }) => health !== 'ok')).to.deep.equal([]);
    expect(found.map(({ name }) => name)).to.deep.equal(rules.map(({ name }) => name));
    // The disk of this machine may be full, and the machine slow.
    const mayBe = ['Watchdog', 'DiskLow', 'SlowSale', 'ReadSideBehind'];
    const wrong: string[] = [];
    for (const rule of rules.filter(({ name }) => !mayBe.includes(name))) {
      if ((await query(promqlOf(rule))).length > 0) wrong.push(rule.name);
    }
    expect(wrong).to.deep.equal([]);
    expect(await query('ALERTS{alertname="Watchdog", alertstate="firing"}')).to.have.length(1);
  });

  it('fires RepriseDown for a service that was killed', async () => {
    await buying?.stop();
    await service.kill();
    const down = 'ALERTS{alertname="RepriseDown", alertstate="firing", severity="page"}';
    await eventually('it fires', async () => (await query(down)).length === 1, shownMs);
  });
});
