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
    .argument('[projection...]', `${names(projections)}; default: all`)
    .option('--dry-run', 'only build and compare; exit code 1 if a row differs')
    .option('--only-diff', 'print only the rows that differ; print the progress on standard error')
    .option('--keep-parked', 'streams that are parked in the live tables stay parked')
    .option('--drop-old', 'only drop the tables that earlier rebuilds replaced')
    .addHelpText(
      'after',
      `
The command fills new tables from the start of the log, up to the position of the live tables. It
compares both row by row. Then it replaces the live tables in one transaction. Each query sees either
the old tables or the new tables. The service may run during the rebuild. The old tables stay until
you run the command with --drop-old.

If a rebuild was killed, run the command again: it continues. After Ctrl-C, the command removes the
new tables. If this version cannot read an event, or PostgreSQL refuses its rows, the rebuild fails
and names the event. If this version can read the parked events, a rebuild of all projections writes
them, and they are no longer parked. With --keep-parked, parked events are not in the new tables. Any
other event that cannot be read or written still makes the rebuild fail.

The command uses EVENTSTORE_URL and POSTGRES_URL, or the servers of the running service on DATA_DIR.
Otherwise it starts the embedded servers, and stops them at its end.

Examples:
  $ reprise rebuild --dry-run              checks the read models
  $ reprise rebuild --dry-run --only-diff  lists the wrong rows
  $ reprise rebuild seat account           makes these two again
  $ reprise rebuild --keep-parked          rebuilds while some events stay parked
  $ reprise rebuild --drop-old             frees the disk

Exit codes: 0 the new tables are in place, or a dry run found no difference; 1 anything else.`,
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
    throw new Error(`there is no projection ${unknown}; the projections are ${names(projections)}`);
  }
  return given.length === 0 ? projections : projections.filter(({ name }) => given.includes(name));
}

async function dropTheOld(pool: Pool): Promise<void> {
  const client = await pool.connect();
  try {
    const dropped = await dropOld(client, await enterBuild(client));
    console.log(dropped.length === 0 ? 'there are no old tables' : `dropped ${dropped.join(', ')}`);
  } finally {
    client.release(true);
  }
}

/** A line for people. A script can split it at `: `. */
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
  if (eventsFound > 0) yield `continued an interrupted rebuild after ${eventsFound} events`;
  if (keptStreams > 0)
    yield `${counted(keptStreams, 'stream')} stayed parked: see reprise projections`;
  for (const name of renewed) yield `${name}: new version, so no rows were compared`;
  const rows = [...counts].map(([table, count]) => `${count} in ${table}`).join(', ');
  yield `${events} events, up to position ${position ?? '- (the log is empty)'}: ` +
    (differences === 0 ? 'every row is the same' : `rows that differ: ${rows}`);
  if (swapped) {
    yield `the new tables are in place; the old tables are in the schema ${oldSchema} until reprise rebuild --drop-old`;
  }
}
