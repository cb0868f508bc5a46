import type { ClientBase } from 'pg';
import {
  type Checkpoint,
  checkpointIn,
  furthestOf,
  positionColumns,
  replacedChannel,
  type StoredPosition,
  TablesOutdated,
} from '../engine/checkpoint.ts';
import { buildSchema, oldSchema } from '../engine/live-schema.ts';
import type { Projection } from '../models/projection.ts';
import { PartlyOtherLog, PartlyParked } from './errors.ts';
import { tableNames } from './shadow.ts';

/**
 * Longest wait for a lock, in ms. Then the rebuild tries again, so that queries do not wait behind
 * it. It is shorter than the second after which PostgreSQL looks for deadlocks. So PostgreSQL never
 * ends a query because of a deadlock with the rebuild.
 */
const lockMsMax = 200;

const liveText = (live: string) => `SELECT ${positionColumns} FROM "${live}".projection_checkpoint`;

/**
 * The position of the live tables. A projection that is new to the database is behind the others.
 */
export async function readLive(client: ClientBase, live: string): Promise<Checkpoint> {
  const { rows } = await client.query<StoredPosition>(liveText(live));
  return furthestOf(rows.map(checkpointIn));
}

/** The live tables' versions by projection. */
export async function liveVersions(
  client: ClientBase,
  live: string,
): Promise<ReadonlyMap<string, number>> {
  const { rows } = await client.query<{ name: string; version: number }>(
    `SELECT name, version FROM "${live}".projection_checkpoint`,
  );
  return new Map(rows.map(({ name, version }) => [name, version]));
}

/**
 * The projections whose live tables can be compared.
 * @throws TablesOutdated if the live tables have a newer version
 */
export async function ofSameVersion(
  client: ClientBase,
  live: string,
  projections: readonly Projection[],
): Promise<readonly Projection[]> {
  const versions = await liveVersions(client, live);
  return projections.filter(({ name, version }) => {
    const found = versions.get(name);
    if (found !== undefined && found > version) {
      throw new TablesOutdated(`${name} has version ${found}, not ${version}`);
    }
    return found === version;
  });
}

/**
 * Opens a transaction in which the live tables stay at their position. It takes the locks of all
 * checkpoints, in the same order as the engine.
 * @throws `lock_not_available` of PostgreSQL within `lockMsMax`
 */
export async function holdLive(client: ClientBase, live: string): Promise<Checkpoint> {
  await client.query(
    `BEGIN; SET LOCAL lock_timeout TO ${lockMsMax}; SET LOCAL synchronous_commit TO on`,
  );
  const { rows } = await client.query<StoredPosition>(`${liveText(live)} ORDER BY name FOR UPDATE`);
  return furthestOf(rows.map(checkpointIn));
}

/**
 * Replaces the live tables by the new ones, inside the transaction of `holdLive`, and commits it.
 * The old ones go to `oldSchema` and replace those of an earlier rebuild there.
 * @param at the position of the new tables. It equals the position of the live ones, unless these
 * belong to another log
 * @param differs do the new tables have other rows? Then running services forget what they know
 * about the old ones
 * @param keepParked do the new tables lack the parked events, like the live ones? Otherwise nothing
 * stays parked
 * @throws PartlyParked
 */
export async function swap(
  client: ClientBase,
  live: string,
  projections: readonly Projection[],
  at: Checkpoint,
  {
    differs,
    keepParked,
  }: {
    readonly differs: boolean;
    readonly keepParked: boolean;
  },
): Promise<void> {
  const unparks = !keepParked && (await unpark(client, live, projections));
  const changed = differs || unparks;
  const tables = tableNames(projections);
  const replaced = await client.query<{ list: string | null }>(
    `SELECT string_agg(format('%I.%I', schemaname, tablename), ', ') AS list FROM pg_tables
     WHERE schemaname = $1 AND tablename = ANY ($2)`,
    [live, tables],
  );
  const list = replaced.rows[0]?.list;
  if (list) await client.query(`LOCK TABLE ${list} IN ACCESS EXCLUSIVE MODE`);
  const [old, build] = [`"${oldSchema(live)}"`, `"${buildSchema(live)}"`];
  await client.query(`CREATE SCHEMA IF NOT EXISTS ${old}`);
  for (const table of tables) {
    await client.query(`DROP TABLE IF EXISTS ${old}."${table}"`);
    await client.query(`ALTER TABLE IF EXISTS "${live}"."${table}" SET SCHEMA ${old}`);
    await client.query(`ALTER TABLE ${build}."${table}" SET SCHEMA "${live}"`);
  }
  await keepCheckpoints(client, live, projections);
  await client.query(
    `INSERT INTO "${live}".projection_checkpoint AS c
       (name, version, position, prepare, event_position, event_id, generation, rebuilt_at)
     SELECT name, version, $3::bigint, $4::bigint, $5::bigint, $6::text, $7::integer, now()
     FROM unnest($1::text[], $2::integer[]) AS mine(name, version) ORDER BY name
     ON CONFLICT (name) DO UPDATE SET version = excluded.version, position = excluded.position,
       prepare = excluded.prepare, event_position = excluded.event_position,
       event_id = excluded.event_id, generation = c.generation + $7::integer, rebuilt_at = now()`,
    [
      projections.map(({ name }) => name),
      projections.map(({ version }) => version),
      at.position?.commit,
      at.position?.prepare,
      at.eventPosition,
      at.eventId,
      changed ? 1 : 0,
    ],
  );
  if (changed) await client.query(`NOTIFY ${replacedChannel}`);
  await client.query(`DROP SCHEMA ${build} CASCADE`);
  await client.query('COMMIT');
}

/**
 * Keeps the position and version of the replaced tables, because `reprise rollback` can bring them
 * back.
 */
async function keepCheckpoints(
  client: ClientBase,
  live: string,
  projections: readonly Projection[],
): Promise<void> {
  const [from, to] = [live, oldSchema(live)].map((schema) => `"${schema}".projection_checkpoint`);
  const names = [projections.map(({ name }) => name)];
  await client.query(`CREATE TABLE IF NOT EXISTS ${to} (LIKE ${from} INCLUDING INDEXES)`);
  await client.query(`DELETE FROM ${to} WHERE name = ANY ($1)`, names);
  await client.query(`INSERT INTO ${to} SELECT * FROM ${from} WHERE name = ANY ($1)`, names);
}

/** @throws PartlyOtherLog if a projection with live tables is not among these projections */
export async function checkAllReplaced(
  client: ClientBase,
  live: string,
  projections: readonly Projection[],
): Promise<void> {
  const names = projections.map(({ name }) => name);
  for (const name of (await liveVersions(client, live)).keys()) {
    if (!names.includes(name)) throw new PartlyOtherLog();
  }
}

/**
 * @returns whether anything was parked
 * @throws PartlyParked
 */
async function unpark(
  client: ClientBase,
  live: string,
  projections: readonly Projection[],
): Promise<boolean> {
  await checkParked(client, live, projections);
  const { rowCount } = await client.query(`DELETE FROM "${live}".parked_event`);
  return rowCount !== 0;
}

/** @throws PartlyParked when events are parked, and not all tables are rebuilt */
export async function checkParked(
  client: ClientBase,
  live: string,
  projections: readonly Projection[],
): Promise<void> {
  const { rows } = await client.query<{ isParked: boolean; others: bigint }>(
    `SELECT EXISTS (SELECT FROM "${live}".parked_event) AS "isParked", count(*) AS others
     FROM "${live}".projection_checkpoint WHERE name <> ALL ($1)`,
    [projections.map(({ name }) => name)],
  );
  if (rows[0]?.isParked && rows[0].others > 0n) throw new PartlyParked();
}
