import { Kysely, PostgresDialect } from 'kysely';
import { migrate } from '../../migrations/migrate.ts';
import type { Config } from '../config.ts';
import { connectEventStore } from '../infrastructure/eventstoredb.ts';
import { connectPostgres } from '../infrastructure/postgres.ts';
import {
  behindEventsMax,
  behindInLog,
  type ProjectionOverview,
  projectionOverview,
  projectionState,
} from '../projections/engine/overview.ts';
import type { Database } from '../projections/models/database.ts';
import { projections } from '../projections/models/registry.ts';
import { readParked, type StoredParked } from '../projections/parking/parked-table.ts';
import { borrowServers } from '../servers/servers.ts';

/**
 * `reprise projections`: prints how each one is, and what is parked.
 * @throws Error in words for people when PostgreSQL cannot be asked, or there is none
 */
export async function showProjections(flags: { json?: true }, config: Config): Promise<void> {
  const servers = await borrowServers(config, { postgresMustExist: true });
  const { pool } = connectPostgres(servers.postgresUrl);
  const db = new Kysely<Database>({ dialect: new PostgresDialect({ pool }) });
  const store = connectEventStore(servers.eventStoreUrl);
  try {
    await migrate(db);
    const overview = await projectionOverview(pool, projections, behindInLog(store));
    const parked = await readParked(pool);
    console.log(flags.json ? asJson(overview, parked) : asTable(overview));
    if (flags.json || parked.length === 0) return;
    for (const line of parkedLines(parked)) console.log(line);
    console.log('with a version that can read them: reprise projections retry; without: … skip');
  } finally {
    await store.close();
    await db.destroy();
    await servers.stop();
  }
}

const asJson = (overview: readonly ProjectionOverview[], parked: readonly StoredParked[]): string =>
  JSON.stringify({ projections: overview.map(projectionState), parked }, decimal, 2);

/** Positions and revisions may pass 2^53. */
const decimal = (_name: string, value: unknown) =>
  typeof value === 'bigint' ? String(value) : value;

/** Parked streams that are listed; `--json` lists all. */
const parkedLinesMax = 20;

const heads = ['projection', 'version', 'position', 'behind', 'events/s', 'status', 'last rebuild'];

function asTable(overview: readonly ProjectionOverview[]): string {
  const rows = overview.map((one) => [
    one.name,
    String(one.version ?? '-'),
    String(one.position ?? '-'),
    behind(one),
    String(one.eventsPerSecond),
    one.status,
    one.rebuiltAt?.toISOString() ?? 'never',
  ]);
  const all = [heads, ...rows];
  const widths = heads.map((_, at) => Math.max(...all.map((row) => row[at]?.length ?? 0)));
  const lines = all.map((row) =>
    row
      .map((cell, at) => cell.padEnd(widths[at] ?? 0))
      .join('  ')
      .trimEnd(),
  );
  const errors = new Set(overview.flatMap(({ error }) => (error === null ? [] : [error])));
  return [...lines, ...errors].join('\n');
}

/** What is parked, the streams whose events came first in the log first. */
export function parkedLines(parked: readonly StoredParked[]): readonly string[] {
  if (parked.length === 0) return [];
  const events = parked.reduce((sum, one) => sum + one.events, 0);
  const oldest = Math.min(...parked.map(({ parkedAt }) => parkedAt.getTime()));
  const head = `parked: ${counted(events, 'event')} of ${counted(parked.length, 'stream')}, the first since ${new Date(oldest).toISOString()}`;
  const lines = parked
    .slice(0, parkedLinesMax)
    .map((one) => `  ${one.stream}, ${counted(one.events, 'event')}: ${one.error}`);
  const more = parked.length - lines.length;
  return [
    head,
    ...lines,
    ...(more > 0 ? [`  and ${counted(more, 'stream')} more: --json lists all`] : []),
  ];
}

export const counted = (count: number, what: string): string =>
  `${count} ${what}${count === 1 ? '' : 's'}`;

function behind({ behindEvents, behindSeconds }: ProjectionOverview): string {
  if (behindEvents === null || behindSeconds === null) return 'the log is away';
  if (behindEvents === 0) return 'nothing';
  const count = behindEvents === behindEventsMax ? `${behindEvents} or more` : `${behindEvents}`;
  return `${count} events, ${behindSeconds.toFixed(1)} s`;
}
