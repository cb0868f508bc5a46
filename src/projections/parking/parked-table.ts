import { createHash } from 'node:crypto';
import type { ClientBase, Pool } from 'pg';
import type { RecordedEvent } from '../../events/codec.ts';
import { streamPrefixes } from '../../events/streams.ts';
import { pgText } from '../../support/pg-text.ts';
import type { Projection } from '../models/projection.ts';
import type { ParkedStream } from './parked-streams.ts';

/** The parked streams in PostgreSQL: the table `parked_event` has one row per stream. */

/** A parked stream as a row of the table. */
export interface ParkedStreamRow extends ParkedStream {
  readonly parkedAt: Date;
}

/**
 * The largest length of a stream's name in the table, in characters. A longer name is cut to this
 * length, because a key has at most 2,700 bytes.
 */
const nameCharsMax = 500;
const cutCharsMax = 200;

/**
 * The name of a stream in the table. If a name cannot be a key in PostgreSQL, it is cut and gets a
 * hash. No stream of Reprise has such a name, so its events stay parked.
 */
export function parkedName(stream: string): string {
  if (stream.length <= nameCharsMax && !stream.includes('\0')) return stream;
  const hash = createHash('sha256').update(stream).digest('hex');
  return `${pgText(stream.slice(0, cutCharsMax))}…${hash}`;
}

/** Was the name cut? Then the log has no stream of this name. */
export const isCutName = (name: string): boolean => /…[0-9a-f]{64}$/.test(name);

/** The events to park together with a batch. */
export interface NewlyParked {
  readonly streams: readonly ParkedStream[];
  /** The tables' generation when it was decided. */
  readonly generation: number;
}

/**
 * Since the decision, rows were written in another order than the log. So the stream's first parked
 * event may now be in the tables.
 */
export class ParkingChanged extends Error {
  constructor() {
    super('parked events were retried, or tables rebuilt, meanwhile');
    this.name = 'ParkingChanged';
  }
}

/**
 * Every parked stream, in the order in which their first parked events are in the log.
 * @param schema the schema of the table, if it is not in the connection's search path
 */
export async function readParked(
  client: ClientBase | Pool,
  schema?: string,
): Promise<readonly ParkedStreamRow[]> {
  const table = schema === undefined ? 'parked_event' : `"${schema}".parked_event`;
  const { rows } = await client.query<ParkedStreamRow>(
    `SELECT stream, revision, position, type, error, events, parked_at AS "parkedAt"
     FROM ${table} ORDER BY position, stream`,
  );
  return rows;
}

/**
 * Parks events inside the transaction that has moved the checkpoint and therefore has its rows
 * locked. If a stream is already parked, its events are added to the parked ones.
 * @throws ParkingChanged if the tables have another generation
 */
export async function park(
  client: ClientBase,
  projections: readonly Pick<Projection, 'name'>[],
  { streams, generation }: NewlyParked,
): Promise<void> {
  const { rows } = await client.query<{ generation: bigint }>(
    'SELECT sum(generation) AS generation FROM projection_checkpoint WHERE name = ANY ($1)',
    [projections.map(({ name }) => name)],
  );
  if (Number(rows[0]?.generation) !== generation) throw new ParkingChanged();
  await insert(client, streams, 'events = parked_event.events + excluded.events');
}

/**
 * Replaces the rows of parked streams by the events that are still parked. Deletes the row if no
 * event is parked.
 */
export async function replaceParked(
  client: ClientBase,
  streams: readonly ParkedStream[],
): Promise<void> {
  const done = streams.filter(({ events }) => events === 0).map(({ stream }) => stream);
  await client.query('DELETE FROM parked_event WHERE stream = ANY ($1)', [done]);
  const left = streams.filter(({ events }) => events > 0);
  const all = ['revision', 'position', 'type', 'error', 'events'];
  await insert(client, left, all.map((name) => `${name} = excluded.${name}`).join(', '));
}

/** Updates the reason of each stream whose first parked event is one of these. */
export async function explainParked(
  client: ClientBase | Pool,
  blocking: readonly { readonly recorded: RecordedEvent; readonly error: string }[],
): Promise<void> {
  await client.query(
    `UPDATE parked_event AS p SET type = why.type, error = why.error
     FROM unnest($1::text[], $2::bigint[], $3::text[], $4::text[])
       AS why(stream, revision, type, error)
     WHERE p.stream = why.stream AND p.revision = why.revision AND p.error <> why.error`,
    [
      blocking.map(({ recorded }) => recorded.stream),
      blocking.map(({ recorded }) => recorded.revision),
      blocking.map(({ recorded }) => pgText(recorded.type)),
      blocking.map(({ error }) => pgText(error)),
    ],
  );
}

async function insert(
  client: ClientBase,
  streams: readonly ParkedStream[],
  onConflict: string,
): Promise<void> {
  const columns = ['stream', 'revision', 'position', 'type', 'error', 'events'] as const;
  await client.query(
    `INSERT INTO parked_event (${columns.join(', ')}) SELECT *
     FROM unnest($1::text[], $2::bigint[], $3::bigint[], $4::text[], $5::text[], $6::integer[])
     ON CONFLICT (stream) DO UPDATE SET ${onConflict}`,
    columns.map((name) => streams.map((one) => one[name])),
  );
}

/** Deletes all rows, inside the caller's transaction. @returns how many streams were parked */
export async function forgetParked(client: ClientBase): Promise<number> {
  return (await client.query('DELETE FROM parked_event')).rowCount ?? 0;
}

/**
 * Do the read models have an event? If so, a version of the service could read it, and its
 * instances decide with it. The read models lack an event if they have not reached it yet, or if
 * its stream is parked from this event or an earlier one.
 */
export async function isInReadModels(
  pool: Pool,
  { stream, revision, position }: RecordedEvent,
): Promise<boolean> {
  if (!streamPrefixes.some((prefix) => stream.startsWith(prefix))) return false;
  const { rows } = await pool.query<{ at: bigint | null }>(
    'SELECT min(event_position) AS at FROM projection_checkpoint',
  );
  const at = rows[0]?.at ?? null;
  if (at === null || at < position) return false;
  const name = parkedName(stream);
  const parked = (await readParked(pool)).find((one) => one.stream === name);
  return parked === undefined || parked.revision > revision;
}
