import type { ClientBase } from 'pg';
import { leaderLock } from '../projections/engine/advisory-locks.ts';
import { liveSchema, oldSchema } from '../projections/engine/live-schema.ts';
import { projections } from '../projections/models/registry.ts';
import type { Contract } from './contract.ts';

/** The tables of a version in PostgreSQL, and the way to bring them back. */
export interface TablesPlan {
  /**
   * `none`: the tables fit. `swap`: the replaced tables still exist and move back. `drop`: the
   * tables must be dropped, and the version builds them again from the log.
   */
  readonly way: 'none' | 'swap' | 'drop';
  /** Read models whose version differs from the target's. */
  readonly differ: readonly string[];
  /**
   * True if the version can continue from the position of the kept tables. Otherwise it builds
   * these read models again.
   */
  readonly catchesUp: boolean;
  /** Migrations that the version does not know. */
  readonly newerMigrations: readonly string[];
}

/** The tables cannot be brought back now; the message says why. */
export class TablesError extends Error {}

const noPlan: TablesPlan = { way: 'none', differ: [], catchesUp: true, newerMigrations: [] };

interface Found {
  readonly name: string;
  readonly version: number;
  readonly position: bigint | null;
}

/** Looks only. */
export async function planTables(client: ClientBase, target: Contract): Promise<TablesPlan> {
  const live = await liveSchema(client);
  if (!(await hasTable(client, live, 'projection_checkpoint'))) return noPlan;
  const newerMigrations = (await migrationsIn(client, live)).filter(
    (name) => !target.migrations.includes(name),
  );
  const stored = await checkpointsIn(client, live);
  const differing = stored.filter(({ name, version }) => target.readModels[name] !== version);
  const differ = differing.map(({ name }) => name);
  if (newerMigrations.length > 0) return { ...noPlan, way: 'drop', differ, newerMigrations };
  if (differ.length === 0) return noPlan;
  const kept = await keptIn(client, oldSchema(live));
  const back = differ.map((name) =>
    kept.find((one) => one.name === name && one.version === target.readModels[name]),
  );
  if (back.includes(undefined)) return { ...noPlan, way: 'drop', differ };
  const after = stored.map((one) => back.find((old) => old?.name === one.name) ?? one);
  const catchesUp = new Set(after.map(({ position }) => position)).size === 1;
  return { way: 'swap', differ, catchesUp, newerMigrations };
}

/**
 * Brings the tables of a version back, in one transaction. No service may write meanwhile.
 * @throws TablesError if a service writes
 */
export async function bringBack(client: ClientBase, target: Contract): Promise<TablesPlan> {
  const live = await liveSchema(client);
  const { rows } = await client.query<{ free: boolean }>(
    `SELECT pg_try_advisory_lock(${leaderLock}) AS free`,
  );
  if (rows[0]?.free !== true) {
    throw new TablesError('a service writes these tables: stop every instance first');
  }
  try {
    await client.query('BEGIN');
    const plan = await planTables(client, target);
    if (plan.way === 'swap') await swapBack(client, live, plan.differ);
    if (plan.way === 'drop') await dropAll(client, live);
    await client.query('COMMIT');
    return plan;
  } catch (error) {
    await client.query('ROLLBACK');
    throw error;
  } finally {
    await client.query(`SELECT pg_advisory_unlock(${leaderLock})`);
  }
}

/** Swaps the current tables with the kept ones. */
async function swapBack(client: ClientBase, live: string, names: readonly string[]): Promise<void> {
  const old = oldSchema(live);
  const tables = projections
    .filter(({ name }) => names.includes(name))
    .flatMap((one) => one.tables.map(({ name }) => name));
  for (const table of tables) {
    await client.query(`DROP TABLE IF EXISTS "${live}"."${table}"`);
    await client.query(`ALTER TABLE IF EXISTS "${old}"."${table}" SET SCHEMA "${live}"`);
  }
  // The generation rises, because remembered rows of the tables are no longer true.
  await client.query(
    `UPDATE "${live}".projection_checkpoint AS c SET version = o.version, position = o.position,
       prepare = o.prepare, event_position = o.event_position, event_id = o.event_id,
       generation = c.generation + 1
     FROM "${old}".projection_checkpoint AS o WHERE o.name = c.name AND c.name = ANY ($1)`,
    [names],
  );
  await client.query(`DELETE FROM "${old}".projection_checkpoint WHERE name = ANY ($1)`, [names]);
}

/** Drops everything that the migrations of any version made. All of its data comes from the log. */
async function dropAll(client: ClientBase, live: string): Promise<void> {
  const own = [
    ...projections.flatMap(({ tables }) => tables.map(({ name }) => name)),
    ...[
      'projection_checkpoint',
      'parked_event',
      'projection_engine',
      'kysely_migration',
      'kysely_migration_lock',
    ],
  ];
  for (const table of own) await client.query(`DROP TABLE IF EXISTS "${live}"."${table}"`);
  await client.query(`DROP SCHEMA IF EXISTS "${oldSchema(live)}" CASCADE`);
}

async function checkpointsIn(client: ClientBase, schema: string): Promise<Found[]> {
  const { rows } = await client.query<Found>(
    `SELECT name, version, event_position AS position FROM "${schema}".projection_checkpoint`,
  );
  return rows;
}

/** The kept tables whose checkpoint is kept, too. */
async function keptIn(client: ClientBase, old: string): Promise<Found[]> {
  if (!(await hasTable(client, old, 'projection_checkpoint'))) return [];
  const kept: Found[] = [];
  for (const one of await checkpointsIn(client, old)) {
    const tables = projections.find(({ name }) => name === one.name)?.tables ?? [];
    const there = await Promise.all(tables.map(({ name }) => hasTable(client, old, name)));
    if (there.length > 0 && there.every(Boolean)) kept.push(one);
  }
  return kept;
}

async function migrationsIn(client: ClientBase, schema: string): Promise<string[]> {
  if (!(await hasTable(client, schema, 'kysely_migration'))) return [];
  const { rows } = await client.query<{ name: string }>(
    `SELECT name FROM "${schema}".kysely_migration ORDER BY 1`,
  );
  return rows.map(({ name }) => name);
}

async function hasTable(client: ClientBase, schema: string, table: string): Promise<boolean> {
  const { rows } = await client.query<{ found: boolean }>(
    'SELECT EXISTS (SELECT FROM pg_tables WHERE schemaname = $1 AND tablename = $2) AS found',
    [schema, table],
  );
  return rows[0]?.found === true;
}
