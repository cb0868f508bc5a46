/**
 * Measures the journey of `load/journey.ts` on new services with embedded servers, with its own
 * load generator: the first ten seconds of one service, and five seconds of another one after four
 * seconds. In the same run and with the same generator, it measures one page of a plain `node:http`
 * server. The speed of a machine changes from hour to hour, but the ratio of the two figures does
 * not.
 *
 *   npm run bench:journey -- [--rounds 3] [--buyers 100] [--busy] [--against DIRECTORY]
 *
 * With `--busy`, a busy loop runs on each core beside the service, as on a machine that others use.
 * `--against` measures another checkout of the project (with its packages installed) in turns with
 * this one. An older checkout that does not build itself may run its sources. Linux only.
 */
import './support/help.ts';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { availableParallelism } from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import type { JourneyJob, JourneyResult } from './journey-client.ts';
import { Generator, onFreshService, warmSeconds, warmUpSeconds } from './support/journeys.ts';
import { median } from './support/measure.ts';
import { type ServiceCpu, serviceCpu } from './support/processes.ts';

const coldSeconds = 10;
const plainSeconds = 4;
/** In its first ten seconds, a service must reach this share of its warm rate. */
const coldShareMin = 0.85;

interface Stretch {
  readonly result: JourneyResult;
  /** Milliseconds per journey or per request. */
  readonly cpu: ServiceCpu;
}

/** The results of two new services. */
interface Run {
  /** The time from the start of the process until it was ready, in seconds. */
  readonly readySeconds: readonly number[];
  readonly cold: Stretch;
  readonly warm: Stretch;
}

async function stretch(pid: number, generator: Generator, job: JourneyJob): Promise<Stretch> {
  const before = await serviceCpu(pid);
  const result = await generator.run(job);
  const after = await serviceCpu(pid);
  const each = (part: keyof ServiceCpu) => (after[part] - before[part]) / result.completed;
  const cpu = {
    service: each('service'),
    eventStore: each('eventStore'),
    postgres: each('postgres'),
  };
  return { result, cpu };
}

async function serviceRun(checkout: URL | undefined, buyers: number): Promise<Run> {
  const from = checkout === undefined ? {} : { checkout };
  const readySeconds: number[] = [];
  const cold = await onFreshService({
    ...from,
    work(generator, { pid, port, readyMs }) {
      readySeconds.push(readyMs / 1_000);
      return stretch(pid, generator, { port, buyers, warmUpSeconds: 0, seconds: coldSeconds });
    },
  });
  const warm = await onFreshService({
    ...from,
    async work(generator, { pid, port, readyMs }) {
      readySeconds.push(readyMs / 1_000);
      const job = { port, buyers, warmUpSeconds: 0 };
      await generator.run({ ...job, seconds: warmUpSeconds });
      return stretch(pid, generator, { ...job, seconds: warmSeconds });
    },
  });
  return { readySeconds, cold, warm };
}

/** In a separate process, like the service. */
function servePlain(): void {
  const body = JSON.stringify({ hello: 'world' });
  const server = createServer((_, response) => {
    response.setHeader('Content-Type', 'application/json');
    response.end(body);
  }).listen(0, '127.0.0.1', () => process.send?.((server.address() as AddressInfo).port));
}

async function plainRun(buyers: number): Promise<Stretch> {
  const server = fork(new URL(import.meta.url), ['plain']);
  const generator = new Generator();
  try {
    const [port] = (await once(server, 'message')) as [number];
    const job = { port, buyers, page: '/', warmUpSeconds: 0, seconds: plainSeconds };
    await generator.run({ ...job, seconds: 1 });
    return await stretch(server.pid as number, generator, job);
  } finally {
    generator.end();
    server.kill();
  }
}

const head =
  '                    journeys/s  p50 ms  p95 ms  p99 ms  max ms  failed   CPU ms a journey: service  store  PostgreSQL   plain requests';

function line(name: string, { result, cpu }: Stretch, plainMs: number): string {
  const n = (value: number, width: number, digits = 0) => value.toFixed(digits).padStart(width);
  const { perSecond, p50Ms, p95Ms, p99Ms, maxMs, failed } = result;
  return (
    name.padEnd(20) +
    n(perSecond, 10) +
    [p50Ms, p95Ms, p99Ms, maxMs, failed].map((value) => n(value, 8)).join('') +
    n(cpu.service, 28, 2) +
    n(cpu.eventStore, 7, 2) +
    n(cpu.postgres, 12, 2) +
    n(cpu.service / plainMs, 17, 1)
  );
}

/** How the first seconds compare with the limits of the report and with the warm service. */
function verdict({ readySeconds, cold: { result }, warm }: Run): string {
  const share = result.perSecond / warm.result.perSecond;
  const missed = [
    ...(share < coldShareMin ? [`${coldShareMin} of the warm rate`] : []),
    ...(result.meanMs < 200 ? [] : ['average < 200 ms']),
    ...(result.p95Ms < 300 ? [] : ['p95 < 300 ms']),
    ...(result.maxMs < 500 ? [] : ['maximum < 500 ms']),
  ];
  const ready = readySeconds.map((seconds) => seconds.toFixed(1)).join(' and ');
  const kept = missed.length === 0 ? 'every limit is kept' : `missed: ${missed.join(', ')}`;
  return `ready after ${ready} s; cold is ${share.toFixed(2)} of warm, average ${result.meanMs.toFixed(0)} ms; ${kept}`;
}

/** Uses one core until it is killed. */
function burn(): void {
  for (;;) Math.random();
}

/** The median of several runs. */
function middle(runs: readonly Run[], which: 'cold' | 'warm') {
  const of = (value: (one: Stretch) => number) => median(runs.map((run) => value(run[which])));
  return {
    perSecond: of(({ result }) => result.perSecond),
    cpu: of(({ cpu }) => cpu.service + cpu.eventStore + cpu.postgres),
  };
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      rounds: { type: 'string', default: '3' },
      buyers: { type: 'string', default: '100' },
      busy: { type: 'boolean', default: false },
      against: { type: 'string' },
    },
  });
  const loops = Array.from({ length: values.busy ? availableParallelism() : 0 }, () =>
    fork(new URL(import.meta.url), ['burn']),
  );
  try {
    await compare(values);
  } finally {
    for (const loop of loops) loop.kill('SIGKILL');
  }
}

async function compare(values: {
  readonly rounds: string;
  readonly buyers: string;
  readonly against?: string;
}): Promise<void> {
  const buyers = Number(values.buyers);
  const here = { name: 'here', checkout: undefined as URL | undefined, runs: [] as Run[] };
  const sides = [here];
  if (values.against !== undefined) {
    const checkout = pathToFileURL(`${path.resolve(values.against)}/`);
    sides.unshift({ name: 'there', checkout, runs: [] });
  }
  console.log(head);
  for (let round = 1; round <= Number(values.rounds); round += 1) {
    for (const { name, checkout, runs } of sides) {
      const plain = await plainRun(buyers);
      const plainMs = plain.cpu.service;
      const run = await serviceRun(checkout, buyers);
      runs.push(run);
      console.log(line(`${round} ${name}, cold`, run.cold, plainMs));
      console.log(line(`${round} ${name}, warm`, run.warm, plainMs));
      console.log(`${round} ${name}: ${verdict(run)}`);
      const { perSecond } = plain.result;
      const us = (1_000 * plainMs).toFixed(0);
      console.log(`${round} plain node:http: ${perSecond.toFixed(0)} requests/s, ${us} µs each`);
    }
  }
  const [there] = sides;
  if (there === undefined || there === here) return;
  for (const which of ['cold', 'warm'] as const) {
    const [a, b] = [middle(there.runs, which), middle(here.runs, which)];
    console.log(
      `${which}: × ${(b.perSecond / a.perSecond).toFixed(2)} journeys/s, ` +
        `× ${(b.cpu / a.cpu).toFixed(2)} CPU a journey, medians of here against there`,
    );
  }
}

if (process.argv[2] === 'plain') servePlain();
else if (process.argv[2] === 'burn') burn();
else await main();
