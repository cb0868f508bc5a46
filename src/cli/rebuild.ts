import type { Command } from 'commander';
import type { Pool } from 'pg';
import { type Config, readConfig } from '../config.ts';
import type { Projection } from '../projections/models/projection.ts';
import { projections } from '../projections/models/registry.ts';
import type { Difference } from '../projections/rebuild/compare.ts';
import { type RebuildResult, rebuildConnection } from '../projections/rebuild/options.ts';
import { rebuildProgress } from '../projections/rebuild/rebuild-progress.ts';
import { rebuild } from '../projections/rebuild/rebuild-tables.ts';
import { dropOld, enterBuild } from '../projections/rebuild/shadow.ts';
import { ProgressMeter } from '../support/progress-meter.ts';
import { counted } from './parked-lines.ts';
import { type CommandServers, cancellable, withServers } from './with-servers.ts';

/** As the command line has them. */
interface RebuildFlags {
  readonly dryRun?: true;
  readonly onlyDiff?: true;
  readonly keepParked?: true;
  readonly dropOld?: true;
}

/** `reprise rebuild [projection…]`. */
export function defineRebuild(command: Command): void {
  command
    .argument('[projection...]', `${names(projections)}; all when none is named`)
    .option('--dry-run', 'build and compare only: exit code 1 when a row differs')
    .option('--only-diff', 'print only the rows that differ; progress goes to standard error')
    .option('--keep-parked', 'keep streams parked that are parked in the live tables')
    .option('--drop-old', 'only drop the tables that earlier rebuilds replaced')
    .addHelpText(
      'after',
      `
The command fills new tables from the start of the log, up to the position of the live tables, and
compares both row by row. Then it replaces the live tables in one transaction: a
query sees the old tables or the new ones, never a gap. The service may run meanwhile. The old
tables stay until you run the command with --drop-old.

A rebuild that was killed goes on from where it was when you run it again. Ctrl-C removes everything
it has built. The rebuild fails, and names the event, when this version cannot read an event or
PostgreSQL refuses its rows. A rebuild of all projections by a version that can read the parked
events un-parks them. With --keep-parked, parked events stay out of the new tables, as they are out
of the live ones; any other event that cannot be read or written still makes the rebuild fail.

The command uses EVENTSTORE_URL and POSTGRES_URL, else the running service of DATA_DIR, else it
starts the embedded servers and stops them at its end.

Examples:
  $ reprise rebuild --dry-run              are the read models right?
  $ reprise rebuild --dry-run --only-diff  which rows are not?
  $ reprise rebuild seat account           make these two right
  $ reprise rebuild --keep-parked          although events are parked that no version can read
  $ reprise rebuild --drop-old             free the disk

Exit codes: 0 the tables are in place, or a dry run found every row the same; 1 anything else.`,
    )
    .action((chosen: string[], flags: RebuildFlags) =>
      rebuildChosen(choose(chosen), flags, readConfig(process.env)),
    );
}

/**
 * Sets the exit code to 1 when a dry run finds a row that differs.
 * @throws Error with a message for people when it failed or was cancelled
 */
async function rebuildChosen(
  chosen: readonly Projection[],
  flags: RebuildFlags,
  config: Config,
): Promise<void> {
  const dropsOnly = flags.dropOld === true;
  const options = { bounds: rebuildConnection, postgresMustExist: dropsOnly, migrates: !dropsOnly };
  await withServers(config, options, async (servers) => {
    if (dropsOnly) return dropTheOld(servers.pool);
    await cancellable('cancelled: nothing was changed', (signal) =>
      buildAndCompare(chosen, flags, servers, signal),
    );
  });
}

async function buildAndCompare(
  chosen: readonly Projection[],
  flags: RebuildFlags,
  servers: CommandServers,
  signal: AbortSignal,
): Promise<void> {
  const meter = new ProgressMeter({ output: flags.onlyDiff ? process.stderr : process.stdout });
  const counts = new Map<string, number>();
  try {
    const result = await rebuild({
      ...servers,
      projections: chosen,
      dryRun: flags.dryRun === true,
      keepParked: flags.keepParked === true,
      signal,
      onProgress: (progress) => meter.show(rebuildProgress(progress)),
      onDifference: (difference) => {
        counts.set(difference.table, (counts.get(difference.table) ?? 0) + 1);
        if (!flags.onlyDiff) return;
        meter.clear();
        console.log(describeDifference(difference));
      },
      onTrouble: (error) =>
        meter.line(`reading the log failed, trying again: ${(error as Error).message}`),
    });
    for (const line of summary(result, counts)) meter.line(line);
    if (flags.dryRun && result.differences > 0) process.exitCode = 1;
  } finally {
    meter.clear();
  }
}

const names = (all: readonly Projection[]): string => all.map(({ name }) => name).join(', ');

function choose(given: readonly string[]): readonly Projection[] {
  const unknown = given.find((name) => !projections.some((one) => one.name === name));
  if (unknown !== undefined) {
    throw new Error(`there is no projection ${unknown}; there are ${names(projections)}`);
  }
  return given.length === 0 ? projections : projections.filter(({ name }) => given.includes(name));
}

async function dropTheOld(pool: Pool): Promise<void> {
  const client = await pool.connect();
  try {
    const dropped = await dropOld(client, await enterBuild(client));
    console.log(dropped.length === 0 ? 'no old tables are kept' : `dropped ${dropped.join(', ')}`);
  } finally {
    client.release(true);
  }
}

/** A line for people that a script can cut at `: `. */
function describeDifference({ table, key, live, rebuilt }: Difference): string {
  const name = `${table} ${Object.values(key).join(' ')}`;
  if (live === undefined) return `${name}: missing, the log says ${JSON.stringify(rebuilt)}`;
  if (rebuilt === undefined)
    return `${name}: unknown to the log, the table says ${JSON.stringify(live)}`;
  const columns = Object.keys(live).map(
    (column) =>
      `${column} is ${JSON.stringify(live[column])}, the log says ${JSON.stringify(rebuilt[column])}`,
  );
  return `${name}: ${columns.join('; ')}`;
}

function* summary(result: RebuildResult, counts: ReadonlyMap<string, number>): Generator<string> {
  const { oldSchema, events, eventsFound, differences, renewed, position, keptStreams, swapped } =
    result;
  if (eventsFound > 0) yield `went on from ${eventsFound} events of a rebuild that was cut short`;
  if (keptStreams > 0)
    yield `${counted(keptStreams, 'stream')} stayed parked: see reprise projections`;
  for (const name of renewed) yield `${name}: a new version, so no rows were compared`;
  const rows = [...counts].map(([table, count]) => `${count} in ${table}`).join(', ');
  yield `${events} events, up to position ${position ?? '- (the log is empty)'}: ` +
    (differences === 0 ? 'every row is the same' : `rows that differ: ${rows}`);
  if (swapped) {
    yield `the new tables are in place; the old ones are kept in the schema ${oldSchema} until reprise rebuild --drop-old`;
  }
}
