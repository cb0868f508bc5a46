import type { ClientBase } from 'pg';
import { isBefore, type LogPosition } from '../../events/log-position.ts';
import { rebuildLock } from '../engine/advisory-locks.ts';
import {
  type Checkpoint,
  checkpointIn,
  FenceLost,
  isLostFence,
  logStart,
  positionColumns,
  raiseLostFence,
  type StoredPosition,
} from '../engine/checkpoint.ts';
import { buildSchema, liveSchema, oldSchema } from '../engine/live-schema.ts';
import { assertAscending, writeRows } from '../engine/write-batch.ts';
import type { Step } from '../log-step.ts';
import type { Projection } from '../models/projection.ts';
import type { TableShape } from '../models/row-change.ts';

/** The position of the new tables. */
export interface Built extends Checkpoint {
  /** Events in them. */
  readonly events: number;
  /** A digest of the events that are parked up to there and kept out of the new tables. */
  readonly kept: string;
}

const tablesOf = (projections: readonly Projection[]): readonly TableShape[] =>
  projections.flatMap(({ tables }) => tables);

export const tableNames = (projections: readonly Projection[]): readonly string[] =>
  tablesOf(projections).map(({ name }) => name);

/** Only one rebuild of a service's tables runs at a time. */
export class RebuildRuns extends Error {
  constructor() {
    super('another rebuild of this database is under way');
    this.name = 'RebuildRuns';
  }
}

/**
 * Prepares this connection to fill the new tables. It takes the lock of rebuilds. Every unqualified
 * name then means a table in `buildSchema`, so no write can reach a live table.
 * @returns the schema of the live tables
 * @throws RebuildRuns; Error that says what is missing
 */
export async function enterBuild(client: ClientBase): Promise<string> {
  const live = await liveSchema(client);
  const { rows } = await client.query<{ free: boolean; creates: boolean; grant: string }>(
    `SELECT pg_try_advisory_lock(${rebuildLock}) AS free,
       has_database_privilege(current_database(), 'CREATE') AS creates,
       format('GRANT CREATE ON DATABASE %I TO %I', current_database(), current_user) AS "grant"`,
  );
  const [first] = rows;
  if (first?.free !== true) throw new RebuildRuns();
  if (!first.creates) {
    throw new Error(
      `new tables are made in a schema of their own, and the role may make none: ${first.grant}`,
    );
  }
  // A crash of the server may lose the last transactions, but rows and position together. Then they
  // are written again. Only one process makes indexes, so that buyers keep the other processors.
  await client.query(
    `SET search_path TO "${buildSchema(live)}"; SET synchronous_commit TO off;
     SET max_parallel_maintenance_workers TO 0`,
  );
  return live;
}

/**
 * Makes empty tables beside the live ones, or finds those that a killed rebuild of the same
 * projections was filling. If it cannot use the tables that it finds, it makes new ones.
 * @param through the position of the live tables, or `end` for the log's end. Tables that are
 * further cannot be used
 * @param isOfLog does the log have the last event in the new tables? Tables of another log cannot
 * be used
 * @param kept digest of the events that are parked up to a position. Tables with another digest
 * cannot be used
 */
export async function prepareBuild(
  client: ClientBase,
  live: string,
  {
    projections,
    through,
    isOfLog,
  }: {
    readonly projections: readonly Projection[];
    readonly through: LogPosition | null | 'end';
    isOfLog(built: Checkpoint): Promise<boolean>;
  },
  kept: (position: LogPosition | null) => string,
): Promise<Built> {
  const shape = await shapeOf(client, live, projections);
  const found = await findBuild(client, live, shape);
  const isOfUse =
    found !== undefined &&
    (through === 'end' || !isBefore(through, found.position)) &&
    found.kept === kept(found.position) &&
    (await isOfLog(found));
  if (isOfUse) return found;
  await client.query('BEGIN');
  const schema = `"${buildSchema(live)}"`;
  await client.query(`DROP SCHEMA IF EXISTS ${schema} CASCADE; CREATE SCHEMA ${schema}`);
  for (const table of tablesOf(projections)) await makeTable(client, live, table);
  await client.query(
    // It has a key because of publications of all tables. Without a key, nobody could change its
    // row then.
    `CREATE TABLE build (only_one boolean PRIMARY KEY DEFAULT true CHECK (only_one), shape text,
       position bigint, prepare bigint, event_position bigint, event_id text, events bigint,
       kept text)`,
  );
  await client.query("INSERT INTO build (shape, events, kept) VALUES ($1, 0, '')", [shape]);
  await client.query('COMMIT');
  return { ...logStart, events: 0, kept: '' };
}

async function findBuild(
  client: ClientBase,
  live: string,
  shape: string,
): Promise<Built | undefined> {
  // A table that an older version left lacks the column. It is made again.
  const { rows } = await client.query<{ found: boolean }>(
    `SELECT EXISTS (SELECT FROM information_schema.columns
       WHERE table_schema = $1 AND table_name = 'build' AND column_name = 'event_id') AS found`,
    [buildSchema(live)],
  );
  if (rows[0]?.found !== true) return undefined;
  const build = await client.query<StoredPosition & { events: bigint; kept: string }>(
    `SELECT ${positionColumns}, events, kept FROM build WHERE shape = $1`,
    [shape],
  );
  const [first] = build.rows;
  return first && { ...checkpointIn(first), events: Number(first.events), kept: first.kept };
}

/**
 * The versions and columns of the build. A build of other versions, or of tables that a migration
 * has changed since, cannot be used.
 */
async function shapeOf(
  client: ClientBase,
  live: string,
  projections: readonly Projection[],
): Promise<string> {
  const { rows } = await client.query<{ columns: string }>(
    `SELECT string_agg(format('%s.%s %s %s', table_name, column_name, data_type, is_nullable),
       ', ' ORDER BY table_name, ordinal_position) AS columns
     FROM information_schema.columns WHERE table_schema = $1 AND table_name = ANY ($2)`,
    [live, tableNames(projections)],
  );
  const versions = projections.map(({ name, version }) => `${name}@${version}`).sort();
  const definitions = tablesOf(projections).flatMap(({ definition }) => definition ?? []);
  return `${versions.join()}: ${rows[0]?.columns} ${JSON.stringify(definitions)}`;
}

/** Makes an empty table with only its key. The other indexes are made after the fill. */
async function makeTable(
  client: ClientBase,
  live: string,
  { name, definition }: TableShape,
): Promise<void> {
  if (definition === undefined) await copyTable(client, live, name);
  else await client.query(definition.table);
  const grants = await client.query<{ text: string }>(
    `SELECT format('GRANT %s ON TABLE %I TO %s', privilege_type, relname,
       CASE grantee WHEN 0 THEN 'PUBLIC' ELSE grantee::regrole::text END) AS text
     FROM pg_class, aclexplode(relacl) WHERE pg_class.oid = to_regclass($1) AND grantee <> relowner`,
    [`${live}.${name}`],
  );
  for (const { text } of grants.rows) await client.query(text);
}

async function copyTable(client: ClientBase, live: string, table: string): Promise<void> {
  const { rows } = await client.query<{ options: string | null; key: string; constraint: string }>(
    `SELECT array_to_string(reloptions, ', ') AS options, quote_ident(conname) AS constraint,
       pg_get_constraintdef(pg_constraint.oid) AS key
     FROM pg_class JOIN pg_constraint ON conrelid = pg_class.oid AND contype = 'p'
     WHERE pg_class.oid = $1::regclass`,
    [`${live}.${table}`],
  );
  const [found] = rows;
  if (found === undefined) throw new Error(`the table ${table} has no primary key`);
  const like = 'INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING STORAGE INCLUDING COMMENTS';
  const options = found.options === null ? '' : ` WITH (${found.options})`;
  await client.query(`CREATE TABLE "${table}" (LIKE "${live}"."${table}" ${like})${options}`);
  await client.query(`ALTER TABLE "${table}" ADD CONSTRAINT ${found.constraint} ${found.key}`);
}

/**
 * Writes a batch and its position in one transaction.
 * @param live schema of the live tables
 * @param kept digest of the events that are parked up to a position
 * @throws OutOfOrder: nothing was sent. FenceLost: another process wrote. RowsRefused: the
 * connection can be used after a ROLLBACK
 */
export async function writeBuild(
  client: ClientBase,
  live: string,
  from: Built,
  batch: readonly Step[],
  kept: (position: LogPosition | null) => string,
): Promise<Built> {
  const position = assertAscending(from.position, batch);
  const events = batch.filter(({ isEvent }) => isEvent);
  const newest = events.at(-1);
  const built = {
    position,
    eventPosition: newest?.position.commit ?? from.eventPosition,
    eventId: newest?.event?.id ?? from.eventId,
    events: from.events + events.length,
    kept: kept(position),
  };
  // All statements are sent before the first answer comes, as in the engine. The event loop is busy
  // with reading, so after each answer PostgreSQL would be idle for one turn of the loop.
  const begun = client.query('BEGIN');
  const moved = client.query(moveBuildText(live), [
    from.position?.commit,
    from.position?.prepare,
    position?.commit,
    position?.prepare,
    built.eventPosition,
    built.eventId,
    built.events,
    built.kept,
  ]);
  const written = writeRows(client, batch);
  const committed = client.query('COMMIT');
  // If the fence is lost, later statements fail, too. Their errors say less than the fence's.
  for (const later of [written, committed]) later.catch(() => {});
  await begun;
  await moved.catch((error: unknown) => {
    throw isLostFence(error) ? new FenceLost(from.position) : error;
  });
  await written;
  const { command } = await committed;
  if (command !== 'COMMIT') throw new Error(`the batch was not committed (${command})`);
  return built;
}

/**
 * If the new tables are not at the position that was read, this fails, and so does the transaction.
 */
const moveBuildText = (live: string) => `
  WITH moved AS (
    UPDATE build SET position = $3, prepare = $4, event_position = $5, event_id = $6, events = $7,
      kept = $8
    WHERE position IS NOT DISTINCT FROM $1::bigint AND prepare IS NOT DISTINCT FROM $2::bigint
    RETURNING 1
  )
  SELECT CASE count(*) WHEN 0 THEN "${live}".${raiseLostFence}() END FROM moved`;

/**
 * Gives the filled tables the other indexes of the live ones, by the same names, and statistics for
 * the planner. A killed rebuild may have made some of them.
 */
export async function finishTables(
  client: ClientBase,
  live: string,
  projections: readonly Projection[],
): Promise<void> {
  for (const { name, definition } of tablesOf(projections)) {
    const indexes = definition?.indexes ?? (await liveIndexes(client, live, name));
    for (const index of indexes) {
      await client.query(index.replace(/^CREATE (UNIQUE )?INDEX /, '$&IF NOT EXISTS '));
    }
    await client.query(`ANALYZE "${name}"`);
  }
}

async function liveIndexes(client: ClientBase, live: string, table: string): Promise<string[]> {
  const { rows } = await client.query<{ definition: string }>(
    `SELECT replace(pg_get_indexdef(indexrelid), format(' ON %I.%I ', $1::text, $2::text),
       format(' ON %I.%I ', $3::text, $2::text)) AS definition
     FROM pg_index WHERE indrelid = format('%I.%I', $1::text, $2::text)::regclass
       AND NOT indisprimary`,
    [live, table, buildSchema(live)],
  );
  return rows.map(({ definition }) => definition);
}

/** Drops a build that is not used. */
export async function dropBuild(client: ClientBase, live: string): Promise<void> {
  await client.query(`DROP SCHEMA IF EXISTS "${buildSchema(live)}" CASCADE`);
}

/**
 * `reprise rebuild --drop-old`.
 * @returns the names of the dropped tables
 */
export async function dropOld(client: ClientBase, live: string): Promise<readonly string[]> {
  const { rows } = await client.query<{ name: string }>(
    'SELECT tablename AS name FROM pg_tables WHERE schemaname = $1 ORDER BY 1',
    [oldSchema(live)],
  );
  await client.query(`DROP SCHEMA IF EXISTS "${oldSchema(live)}" CASCADE`);
  return rows.map(({ name }) => name);
}
