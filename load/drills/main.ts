import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { eventStoreBin } from '../../test/support/eventstore-node.ts';
import { startTestPostgres } from '../../test/support/test-postgres.ts';
import { prepareDisk, removeDisk } from './disk.ts';
import { type Drill, drills } from './list.ts';
import { describeFailed, type Outcome, round, runDrill } from './run-drill.ts';
import { Site } from './site.ts';

const help = `Drills on a real EventStoreDB: causes faults under the load of buyers, and shows their effect on the buyers.

  EVENTSTORE_BIN=/path/to/eventstored npm run drills
  npm run drills -- --list                             lists the drills
  npm run drills -- --only leader-kill --rounds 10     runs one drill ten times; --only may be repeated

  --only    the name of a drill, or the beginning of names, such as leader
  --rounds  the number of faults per drill, default 1
  --buyers  the number of buyers at both services together, default 10
  --nodes   further options for each node: --nodes '--gossip-timeout-ms 1000'

The program starts nodes of EVENTSTORE_BIN, a PostgreSQL and two services, and stops them at the end. The load is high:
do not run it on a machine that others need. Other work on the machine makes the figures worse.

Exit codes: 0 every bound was kept. 1 a bound was missed, or a drill could not finish. 2 the drills cannot run here.`;

const say = (line: string): void => console.log(line);

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      only: { type: 'string', multiple: true },
      rounds: { type: 'string', default: '1' },
      buyers: { type: 'string', default: '10' },
      nodes: { type: 'string', default: '' },
      list: { type: 'boolean' },
      help: { type: 'boolean', short: 'h' },
    },
  });
  if (values.help === true) {
    say(help);
    return 0;
  }
  const temporary = await mkdtemp(path.join(tmpdir(), 'reprise-drills-'));
  try {
    const all = drills(temporary);
    if (values.list === true) {
      for (const { name, about } of all) say(`${name.padEnd(22)}${about}`);
      return 0;
    }
    if (eventStoreBin === undefined) {
      say('set EVENTSTORE_BIN to the executable of an EventStoreDB server, from 24.6 on');
      return 2;
    }
    const { only = [''] } = values;
    const chosen = all.filter(({ name }) => only.some((begin) => name.startsWith(begin)));
    const [rounds, buyers] = [count(values.rounds), count(values.buyers)];
    if (chosen.length === 0 || rounds === undefined || buyers === undefined) {
      say('there is no such drill, or a number is wrong: see npm run drills -- --help');
      return 2;
    }
    return await runAll(chosen, rounds, buyers, values.nodes.split(' ').filter(Boolean));
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}

async function runAll(
  chosen: readonly Drill[],
  rounds: number,
  buyers: number,
  args: readonly string[],
): Promise<number> {
  const stopped = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => stopped.abort());
  const postgres = await startTestPostgres();
  const outcomes: Outcome[] = [];
  let site: Site | undefined;
  let siteOf: Drill['site'] | undefined;
  const leave = async () => {
    await site?.stop().catch((error: unknown) => say(`  ${error}`));
    site = undefined;
  };
  try {
    // Drills with the same site run one after another.
    const sites = [...new Set(chosen.map((one) => one.site))];
    for (const drill of sites.flatMap((of) => chosen.filter((one) => one.site === of))) {
      if (stopped.signal.aborted) break;
      say(`${drill.name}: ${drill.about}`);
      if (drill.name === 'disk-full' && !(await prepareDisk())) {
        say('  SKIPPED: a small disk needs Linux and root');
        continue;
      }
      if (siteOf !== drill.site) {
        await leave();
        siteOf = drill.site;
      }
      try {
        site ??= await Site.start(drill.site, args, postgres, buyers);
      } catch (error) {
        outcomes.push(neverBegan(drill, error));
        say(`  ${outcomes.at(-1)?.missed}`);
        continue;
      }
      const outcome = await runDrill(drill, site, rounds, buyers, say);
      outcomes.push(outcome);
      for (const missed of outcome.missed) say(`  MISSED: ${missed}`);
      if (outcome.broken !== undefined) await leave();
    }
  } finally {
    await leave();
    await removeDisk();
    await postgres.stop();
  }
  say(`\n${table(outcomes)}`);
  return outcomes.every(({ missed }) => missed.length === 0) ? 0 : 1;
}

const firstLine = (error: unknown): string =>
  (error instanceof Error ? error.message : String(error)).split('\n', 1)[0] ?? '';

const neverBegan = (drill: Drill, error: unknown): Outcome => ({
  ...{ drill, rounds: [], facts: 0, missing: [], verify: '–' },
  missed: [`did not start: ${firstLine(error)}`],
});

/** The figures as in docs/eventstoredb.md; for several rounds, the worst figures. */
function table(outcomes: readonly Outcome[]): string {
  const lines = outcomes.map(({ drill, rounds, facts, missing, verify, missed }) => {
    const failed = new Map<string, number>();
    for (const { window } of rounds) {
      for (const [kind, n] of window.failed) failed.set(kind, (failed.get(kind) ?? 0) + n);
    }
    const without = rounds.filter(({ window }) => window.failedTotal === 0).length;
    const worst = (of: (one: Outcome['rounds'][number]) => number) =>
      rounds.length === 0 ? '–' : round(Math.max(...rounds.map(of)));
    const requests = rounds.reduce((sum, { window }) => sum + window.requests, 0);
    return [
      drill.name,
      `${rounds.length}`,
      `${requests}`,
      describeFailed(failed),
      `${without} of ${rounds.length}`,
      worst(({ window }) => window.longestSeconds),
      worst(({ readySeconds }) => readySeconds),
      `${missing.length} of ${facts}`,
      verify,
      missed.length === 0 ? 'kept' : 'MISSED',
    ];
  });
  const head = [
    ...['drill', 'rounds', 'requests', 'failed requests', 'rounds without one'],
    ...['longest s without a good answer', 'ready after s', 'facts missing', 'verify', 'bounds'],
  ];
  const row = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  return [row(head), row(head.map(() => '---')), ...lines.map(row)].join('\n');
}

const count = (text: string): number | undefined =>
  /^[1-9]\d{0,3}$/.test(text) ? Number(text) : undefined;

main().then(
  (code) => {
    process.exitCode = code;
  },
  (error: unknown) => {
    console.error(`drills: ${error instanceof Error ? error.stack : error}`);
    process.exitCode = 1;
  },
);
