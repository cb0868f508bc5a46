import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { describeVerdict, verdictToJson } from '../src/verify/describe.ts';
import { verify } from '../src/verify/verify-log.ts';
import { CpuMeter, type CpuSeconds } from './cpu.ts';
import { findK6, type K6Run, k6Version, startK6 } from './k6.ts';
import { describeLag, lagBetween, readLag } from './live-lag.ts';
import { type LoadedService, startFreshService } from './service.ts';

const help = `Runs the load journey and proves from the log that nothing was sold twice or paid wrongly.

  npm run load                         loads a new service with temporary data and embedded servers
  npm run load -- --url http://…       loads a running service (and sells its seats!)

  --url          the service to load
  --admin        its admin listener, for the live lag; without it, the program does not report the live lag
  --event-store  the event store of that service; without it, nothing is proven about a service of --url
  WARM_UP        for example 10s: applies the same load for this time first, without counting it. The figures are then
                 those of a service that has been running. Default: no warm-up

The new service gets EVENTSTORE_URL, POSTGRES_URL, REDIS_URL and all its settings from the environment.
load/journey.ts describes VUS, DURATION, CONCERTS, USERS, THINK_MS and STEPS.

The program looks for k6 on PATH and in Go's directory for programs. If k6 is missing, it installs k6 ${k6Version} with Go.
It writes the figures as JSON to load/results/, and the log of the new service to load/results/service.log.

Exit codes: 0 every limit was kept, no request failed, and the log proved it; or skipped, because k6 and Go are missing.
3 only a time limit was missed, which also happens on a busy machine. 1 anything else.`;

const results = fileURLToPath(new URL('./results/', import.meta.url));

/** The limits that depend on how fast the machine is. */
const timeLimits = 'http_req_duration';

const say = (line: string): void => console.log(line);

/** The figures of the scenario's summary that are used here. */
interface Figures {
  readonly journeysCompleted: number;
  readonly failedRequests: number;
  readonly limits: readonly { readonly limit: string; readonly ok: boolean }[];
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      url: { type: 'string' },
      admin: { type: 'string' },
      'event-store': { type: 'string' },
      help: { type: 'boolean', short: 'h' },
    },
  });
  if (values.help === true) {
    say(help);
    return;
  }

  const k6 = await findK6(say);
  if (k6 === undefined) {
    say('SKIPPED: k6 and Go are missing. See https://grafana.com/docs/k6/latest/set-up');
    return;
  }
  const interrupted = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => interrupted.abort());
  await mkdir(results, { recursive: true });
  if (values.url !== undefined) {
    const target = {
      url: values.url,
      adminUrl: values.admin,
      eventStoreUrl: values['event-store'],
    };
    process.exitCode = await loadAndProve(k6, target, interrupted.signal);
    return;
  }
  say('Starting a fresh service …');
  const log = path.join(results, 'service.log');
  const service = await startFreshService(log, interrupted.signal);
  try {
    process.exitCode = await loadAndProve(k6, service, interrupted.signal);
  } finally {
    await service.stop();
  }
}

type Target = Pick<LoadedService, 'url' | 'adminUrl'> &
  Partial<Pick<LoadedService, 'pid'>> & { readonly eventStoreUrl: string | undefined };

/** @returns the exit code: 0 when every limit was kept, no request failed and the log proves it */
async function loadAndProve(k6: string, target: Target, signal: AbortSignal): Promise<number> {
  const name = `journey-${new Date().toISOString().replaceAll(':', '-')}.json`;
  const file = path.join(results, name);

  const { WARM_UP: warmUp = '' } = process.env;
  if (warmUp !== '') {
    say(`Warming up for ${warmUp} …`);
    const uncounted = ['--no-thresholds', '--no-summary'];
    const env = { BASE_URL: target.url, DURATION: warmUp, RESULT_FILE: '' };
    await start(k6, env, signal, uncounted).exitCode;
    signal.throwIfAborted();
  }
  const lag = () => (target.adminUrl === undefined ? undefined : readLag(target.adminUrl));
  const lagBefore = await lag();
  const { kept, cpu } = await runJourney(k6, target, file, signal);
  signal.throwIfAborted();
  const lagAfter = await lag();
  const liveLag = lagBefore && lagAfter && lagBetween(lagBefore, lagAfter);
  if (liveLag !== undefined) say(describeLag(liveLag));
  const figures = JSON.parse(await readFile(file, 'utf8')) as Figures;
  if (cpu !== undefined) say(describeCpu(cpu, figures.journeysCompleted));
  const { eventStoreUrl } = target;
  const verdict = eventStoreUrl === undefined ? undefined : await verify({ eventStoreUrl });
  say(
    verdict === undefined ? 'nothing proven: --event-store is missing' : describeVerdict(verdict),
  );
  const proof = verdict && verdictToJson(verdict);
  await writeFile(file, `${JSON.stringify({ ...figures, liveLag, cpu, proof }, null, 2)}\n`);
  say(`\nfigures: ${path.relative(process.cwd(), file)}`);

  if (figures.failedRequests > 0) say(`FAILED: ${figures.failedRequests} requests failed`);
  if (!kept) say('FAILED: a limit was missed');
  const missed = figures.limits.filter(({ ok }) => !ok).map(({ limit }) => limit);
  const onlyTime = missed.length > 0 && missed.every((limit) => limit.startsWith(timeLimits));
  if (figures.failedRequests > 0 || (verdict?.violations.total ?? 0) > 0) return 1;
  if (kept) return 0;
  return onlyTime ? 3 : 1;
}

async function runJourney(
  k6: string,
  target: Target,
  file: string,
  signal: AbortSignal,
): Promise<{ kept: boolean; cpu: CpuSeconds | undefined }> {
  const run = start(k6, { BASE_URL: target.url, RESULT_FILE: file }, signal);
  const meter =
    target.pid === undefined || run.process.pid === undefined
      ? undefined
      : await CpuMeter.start(target.pid, run.process.pid);
  const kept = (await run.exitCode) === 0;
  return { kept, cpu: await meter?.stop() };
}

function start(
  k6: string,
  env: Record<string, string>,
  signal: AbortSignal,
  options: readonly string[] = [],
): K6Run {
  const scenario = fileURLToPath(new URL('./journey.ts', import.meta.url));
  const run = startK6(k6, scenario, env, options);
  // After SIGINT, k6 starts no further journey and reports. Then the service is stopped.
  signal.addEventListener('abort', () => run.process.kill('SIGINT'), { once: true });
  return run;
}

function describeCpu(cpu: CpuSeconds, journeys: number): string {
  const parts: [string, number][] = [
    ['k6', cpu.k6],
    ['service', cpu.api],
    ['event store', cpu.eventStore],
    ['PostgreSQL', cpu.postgres],
  ];
  const total = cpu.k6 + cpu.api + cpu.eventStore + cpu.postgres;
  const lines = parts.map(
    ([name, seconds]) =>
      `  ${`CPU s, ${name}`.padEnd(28)}${seconds.toFixed(1)} ` +
      `(${((seconds * 1_000) / journeys).toFixed(2)} ms per journey)`,
  );
  const without = journeys / (total - cpu.k6);
  lines.push(
    `  ${'journeys per CPU second'.padEnd(28)}${(journeys / total).toFixed(0)}; ` +
      `without k6's share ${without.toFixed(0)}`,
  );
  return `${lines.join('\n')}\n`;
}

main().catch((error: unknown) => {
  console.error(`load: ${error instanceof Error ? error.message : error}`);
  process.exitCode = 1;
});
