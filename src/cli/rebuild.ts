import { Kysely, PostgresDialect } from 'kysely';
import { migrate } from '../../migrations/migrate.ts';
import type { Config } from '../config.ts';
import { connectEventStore } from '../infrastructure/eventstoredb.ts';
import { connectPostgres } from '../infrastructure/postgres.ts';
import type { Database } from '../projections/models/database.ts';
import type { Projection } from '../projections/models/projection.ts';
import { projections } from '../projections/models/registry.ts';
import type { Difference } from '../projections/rebuild/compare.ts';
import type { RebuildResult } from '../projections/rebuild/options.ts';
import { rebuild } from '../projections/rebuild/rebuild.ts';
import { dropOld, enterBuild } from '../projections/rebuild/shadow.ts';
import { borrowServers } from '../servers/servers.ts';
import { counted } from './projections-show.ts';
import { RebuildDisplay } from './rebuild-display.ts';

/** An index of a very large table takes minutes; a statement that takes longer has failed. */
export const statementTimeoutMs = 3_600_000;

export interface RebuildFlags {
  readonly dryRun?: true;
  readonly onlyDiff?: true;
  readonly keepParked?: true;
  readonly dropOld?: true;
}

/**
 * `reprise rebuild [projection…]`. Sets the exit code to 1 when a dry run finds a row that differs.
 * @throws Error in words for people when it failed or was cancelled
 */
export async function rebuildProjections(
  names: readonly string[],
  flags: RebuildFlags,
  config: Config,
): Promise<void> {
  const chosen = choose(names);
  const servers = await borrowServers(config, { postgresMustExist: flags.dropOld === true });
  const postgres = connectPostgres(servers.postgresUrl, {
    statementTimeoutMs,
    connectTimeoutMs: 10_000,
  });
  const db = new Kysely<Database>({ dialect: new PostgresDialect({ pool: postgres.pool }) });
  const store = connectEventStore(servers.eventStoreUrl);
  const aborter = new AbortController();
  const cancel = () => aborter.abort(new Error('cancelled: nothing was changed'));
  process.on('SIGINT', cancel).on('SIGTERM', cancel);
  const display = new RebuildDisplay(flags.onlyDiff === true);
  try {
    if (flags.dropOld) return await forgetOld(postgres.pool);
    await migrate(db);
    const counts = new Map<string, number>();
    const result = await rebuild({
      eventStore: store,
      pool: postgres.pool,
      projections: chosen,
      dryRun: flags.dryRun === true,
      keepParked: flags.keepParked === true,
      signal: aborter.signal,
      onProgress: (progress) => display.show(progress),
      onDifference: (difference) => {
        counts.set(difference.table, (counts.get(difference.table) ?? 0) + 1);
        if (flags.onlyDiff) console.log(describeDifference(difference));
      },
      onTrouble: (error) =>
        display.line(`reading the log failed, trying again: ${(error as Error).message}`),
    });
    for (const line of summary(result, counts)) display.line(line);
    if (flags.dryRun && result.differences > 0) process.exitCode = 1;
  } finally {
    display.end();
    process.off('SIGINT', cancel).off('SIGTERM', cancel);
    await store.close();
    await db.destroy();
    await servers.stop();
  }
}

function choose(names: readonly string[]): readonly Projection[] {
  const unknown = names.find((name) => !projections.some((one) => one.name === name));
  if (unknown !== undefined) {
    const known = projections.map(({ name }) => name).join(', ');
    throw new Error(`there is no projection ${unknown}; there are ${known}`);
  }
  return names.length === 0 ? projections : projections.filter(({ name }) => names.includes(name));
}

async function forgetOld(pool: ReturnType<typeof connectPostgres>['pool']): Promise<void> {
  const client = await pool.connect();
  try {
    const dropped = await dropOld(client, await enterBuild(client));
    console.log(dropped.length === 0 ? 'no old tables are kept' : `dropped ${dropped.join(', ')}`);
  } finally {
    client.release(true);
  }
}

/** A line for people that a script can cut at `: `. */
export function describeDifference({ table, key, live, rebuilt }: Difference): string {
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
