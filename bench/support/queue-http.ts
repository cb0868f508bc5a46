import { fork } from 'node:child_process';
import { once } from 'node:events';
import pino from 'pino';
import { createHttpServer } from '../../src/http/server.ts';
import { ShopRooms } from '../../src/http/shop-rooms.ts';
import { QueueRooms } from '../../src/queue/queue-rooms.ts';
import type { WaitingQueue } from '../../src/queue/waiting-queue.ts';
import { fakeApi } from '../../test/http/support/fake-api.ts';
import { type Finding, median, quantile } from './measure.ts';

/** The rate that a process must serve, and the rate that the benchmark offers. */
const boundPerSecond = 2_000;
const offeredPerSecond = 2_200;
const p95MsMax = 50;
/** The number of connections, and of turns of each kind of load. */
const connections = 64;
const turns = 3;

/**
 * The measures of the clients: the microseconds of each answer, and this process's work per answer.
 */
interface Answers {
  readonly micros: readonly number[];
  readonly cpuMicros: number;
}

/** @param perSecond undefined: each connection polls again immediately */
async function ask(
  port: number,
  paths: readonly string[],
  seconds: number,
  perSecond?: number,
): Promise<Answers> {
  const client = fork(new URL('../poll-client.ts', import.meta.url));
  const died = once(client, 'exit').then(() => Promise.reject(new Error('the client died')));
  try {
    client.send({ port, paths, connections, seconds, perSecond });
    const answered = () => Promise.race([once(client, 'message'), died]);
    await answered();
    const before = process.cpuUsage();
    const [micros] = (await answered()) as [number[]];
    const { user, system } = process.cpuUsage(before);
    return { micros, cpuMicros: (user + system) / micros.length };
  } finally {
    died.catch(() => {});
  }
}

/** A service with one line. Everything but its HTTP server and its queue does nothing. */
function serverOf(queue: WaitingQueue) {
  const api = fakeApi();
  const rooms = new ShopRooms({
    queues: new QueueRooms(() => queue),
    catalog: {
      concert: () => undefined,
      roomOf: () => '',
      session: () => undefined,
      rooms: new Set(),
    },
    sales: api.sales,
  });
  return createHttpServer({ ...api, rooms, log: pino({ level: 'silent' }) });
}

/** A line, and some of its waiting users. */
export interface Waiting {
  readonly queue: WaitingQueue;
  readonly count: number;
  readonly users: readonly string[];
}

/** The polls of a short and of a long line over HTTP, in turns: each as a buyer sends it. */
export async function measureGrowthOverHttp(
  name: string,
  lines: readonly [Waiting, Waiting],
  seconds: number,
): Promise<Finding[]> {
  const servers = lines.map(({ queue }) => serverOf(queue));
  const ports = await Promise.all(servers.map((server) => server.listen(0, '127.0.0.1')));
  const paths = lines.map(({ users }) => users.map(pollOf));
  const answers: [Answers[], Answers[]] = [[], []];
  for (let turn = 0; turn < turns; turn += 1) {
    for (const at of [0, 1] as const) {
      answers[at].push(
        await ask(ports[at] as number, paths[at] as string[], seconds, offeredPerSecond),
      );
    }
  }
  for (const server of servers) await server.close(0);
  const [short, long] = lines;
  const row = (what: string, of: (one: Answers) => number): Finding => {
    const [few, many] = answers.map((each) => median(each.map(of))) as [number, number];
    return {
      what: `${name}: a poll over HTTP with ${short.count} and ${long.count} waiting, ${what}`,
      bound: '≤ × 2',
      measured: `× ${(many / few).toFixed(2)} (${few.toFixed(0)} and ${many.toFixed(0)} µs)`,
      kept: many / few <= 2,
    };
  };
  return [
    row('median', ({ micros }) => median(micros)),
    row('processor time of the service', ({ cpuMicros }) => cpuMicros),
  ];
}

const pollOf = (user: string): string => `/concert/waiting/status?userId=${user}`;

/** Polls of waiting users over HTTP, alternately with a route that does nothing. */
export async function measureHttp(
  name: string,
  queue: WaitingQueue,
  users: readonly string[],
  seconds: number,
): Promise<Finding[]> {
  const server = serverOf(queue);
  const port = await server.listen(0, '127.0.0.1');
  const polls = users.map(pollOf);
  const told = await fetch(`http://127.0.0.1:${port}${polls[0]}`);
  const { ahead } = (await told.json()) as { ahead: number };
  if (!(ahead >= 0 && ahead < users.length)) throw new Error('the queue did not answer');
  const [offered, most]: [Answers[], Answers[]] = [[], []];
  const [nothing, mostOfNothing]: [Answers[], Answers[]] = [[], []];
  for (let turn = 0; turn < turns; turn += 1) {
    nothing.push(await ask(port, ['/livez'], seconds, offeredPerSecond));
    offered.push(await ask(port, polls, seconds, offeredPerSecond));
    mostOfNothing.push(await ask(port, ['/livez'], seconds));
    most.push(await ask(port, polls, seconds));
  }
  await server.close(0);
  const rate = (answers: readonly Answers[]) =>
    median(answers.map(({ micros }) => micros.length / seconds));
  const p95Ms = (answers: readonly Answers[]) =>
    median(answers.map(({ micros }) => quantile(micros, 0.95))) / 1_000;
  const work = (answers: readonly Answers[]) => median(answers.map(({ cpuMicros }) => cpuMicros));
  const ratio = (of: (answers: readonly Answers[]) => number) =>
    `× ${(of(offered) / of(nothing)).toFixed(2)} of /livez`;
  return [
    {
      what: `${name}: polls over HTTP, ${offeredPerSecond} a second offered, ${users.length} waiting`,
      bound: `≥ ${boundPerSecond}/s, p95 < ${p95MsMax} ms`,
      measured: `${rate(offered).toFixed(0)}/s, p95 ${p95Ms(offered).toFixed(1)} ms; /livez p95 ${p95Ms(nothing).toFixed(1)} ms`,
      kept: rate(offered) >= boundPerSecond && p95Ms(offered) < p95MsMax,
    },
    {
      what: `${name}: processor time of the service for one of them`,
      bound: '≤ 500 µs',
      measured: `${work(offered).toFixed(0)} µs, ${ratio(work)}`,
      kept: work(offered) <= 500,
    },
    {
      what: `${name}: polls over HTTP, ${connections} clients that ask again at once`,
      bound: '–',
      measured: `${rate(most).toFixed(0)}/s, × ${(rate(most) / rate(mostOfNothing)).toFixed(2)} of /livez; p95 ${p95Ms(most).toFixed(0)} ms`,
      kept: undefined,
    },
  ];
}
