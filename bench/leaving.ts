/**
 * Measures the cost of buyers who leave the queue. Two new services with embedded servers run at
 * the same time. Each has 1,000 users over HTTP, 30 places and journeys of 5 s. At the first
 * service, everybody stays. At the second one, one in twenty users leaves after the admission, and
 * three in ten stop polling while they wait. Prints the journeys per second of both, and their
 * ratio, which must be at least 0.85.
 *
 *   npm run bench:leaving -- [--seconds 180] [--users 1000] [--redis URL]
 *
 * It ends by itself, less than a minute after the time. With a Redis, both services use it. Each
 * has its own database (0 and 1), which must be empty.
 */
import './support/help.ts';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { Agent } from 'undici';
import { startFreshService } from '../load/service.ts';
import { type Crowd, mulberry32 } from '../test/queue/support/simulation.ts';
import { Buyer } from './support/buyer.ts';
import { type Finding, quantile, table } from './support/measure.ts';

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '180' },
    users: { type: 'string', default: '1000' },
    redis: { type: 'string' },
  },
});
const untilMs = Number(values.seconds) * 1_000;
const places = 30;
/** The number of the demo's users with money. */
const users = Math.min(1_000, Number(values.users));
const ratioMin = 0.85;

const everybody: Crowd = {
  users,
  arriveWithinMs: 10_000,
  journeyMs: 5_000,
  vanishAdmitted: 0,
  leaveWaiting: 0,
  leaveWithinMs: untilMs,
};

/** The result of a sale. */
interface Sale {
  readonly admitted: number;
  readonly paid: number;
  readonly polls: number;
  readonly failed: number;
  readonly p95Ms: number;
}

async function sell(crowd: Crowd, env: Readonly<Record<string, string>>): Promise<Sale> {
  const directory = await mkdtemp(path.join(tmpdir(), 'reprise-leaving-'));
  const { signal } = new AbortController();
  const service = await startFreshService(path.join(directory, 'service.log'), signal, env);
  const agent = new Agent({ connections: 256 });
  try {
    const chance = mulberry32(1);
    const sale = { admitted: 0, paid: 0, polls: 0, failed: 0 };
    const times: number[] = [];
    const began = performance.now();
    console.error(`${service.url} is ready; it sells for ${untilMs / 1_000} s`);
    const isOver = () => performance.now() - began >= untilMs;
    const one = async (user: number): Promise<void> => {
      const leavesAfterMs =
        chance() < crowd.leaveWaiting ? chance() * crowd.leaveWithinMs : Number.POSITIVE_INFINITY;
      const comes = chance() >= crowd.vanishAdmitted;
      const journeyMs = crowd.journeyMs * (0.75 + 0.5 * chance());
      await delay((user * crowd.arriveWithinMs) / crowd.users);
      const leavesMs = performance.now() + leavesAfterMs;
      const buyer = new Buyer(service.url, `${user + 1}`, agent);
      for (;;) {
        if (isOver() || performance.now() >= leavesMs) return;
        const askedMs = performance.now();
        const { processing, retryAfterMs } = await buyer.poll();
        sale.polls += 1;
        times.push(performance.now() - askedMs);
        if (processing) break;
        await delay(Math.min(retryAfterMs, untilMs));
      }
      sale.admitted += 1;
      if (!comes) return;
      if ((await buyer.buy(journeyMs)) && !isOver()) sale.paid += 1;
    };
    const all = Array.from({ length: crowd.users }, (_, user) =>
      one(user).catch(() => {
        sale.failed += 1;
      }),
    );
    await Promise.race([Promise.all(all), delay(untilMs)]);
    return { ...sale, p95Ms: quantile(times, 0.95) };
  } finally {
    await agent.destroy();
    await service.stop();
    await rm(directory, { recursive: true, force: true });
  }
}

const env = (database: number): Record<string, string> => ({
  QUEUE_ADMITTED_MAX: String(places),
  ...(values.redis === undefined ? {} : { REDIS_URL: `${values.redis}/${database}` }),
});
const [all, some] = await Promise.all([
  sell(everybody, env(0)),
  sell({ ...everybody, vanishAdmitted: 0.05, leaveWaiting: 0.3 }, env(1)),
]);

const perSecond = ({ paid }: Sale) => (paid * 1_000) / untilMs;
const ratio = perSecond(some) / perSecond(all);
const row = (what: string, sale: Sale): Finding => ({
  what,
  bound: '–',
  measured:
    `${perSecond(sale).toFixed(2)} journeys/s (${sale.admitted} admitted, ${sale.paid} paid, ` +
    `${sale.failed} failed; ${((sale.polls * 1_000) / untilMs).toFixed(0)} polls/s, p95 ${sale.p95Ms.toFixed(0)} ms)`,
  kept: undefined,
});
console.log(
  table([
    row(`${users} users, everybody comes`, all),
    row('1 in 20 gone once admitted, 3 in 10 while they wait', some),
    {
      what: 'the second as a part of the first',
      bound: `≥ ${ratioMin * 100} %`,
      measured: `${(ratio * 100).toFixed(0)} %`,
      kept: ratio >= ratioMin,
    },
  ]),
);
process.exit(ratio >= ratioMin ? 0 : 1);
