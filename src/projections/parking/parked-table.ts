import { createHash } from 'node:crypto';
import type { ClientBase, Pool } from 'pg';
import type { RecordedEvent } from '../../events/codec.ts';
import { pgText } from '../../support/pg-text.ts';
import type { Projection } from '../models/projection.ts';
import type { ParkedEvents } from './parked-streams.ts';

/** The table of parked events: a row a stream. */

/** A parked stream as the database holds it. */
export interface StoredParked extends ParkedEvents {
  readonly parkedAt: Date;
}

/** Characters of a stream's name that the table has, and of what is left of a longer one: a key has at most 2,700 bytes. */
const nameCharsMax = 500;
const cutCharsMax = 200;

/**
 * A stream's name as the table has it. One that is no key of PostgreSQL's is cut, with its hash: no stream of Reprise's has
 * such a name, so its events stay parked.
 */
export function parkedName(stream: string): string {
  if (stream.length <= nameCharsMax && !stream.includes('\0')) return stream;
  const hash = createHash('sha256').update(stream).digest('hex');
  return `${pgText(stream.slice(0, cutCharsMax))}…${hash}`;
}

/** Was the name cut? The log does not know it, then. */
export const isCutName = (name: string): boolean => /…[0-9a-f]{64}$/.test(name);

/** What is parked with a batch. */
export interface NewlyParked {
  readonly streams: readonly ParkedEvents[];
  /** Of the tables, when it was decided. */
  readonly generation: number;
}

/** Rows were written out of the log's order meanwhile: what waited may have nothing to wait for any more. */
export class ParkingChanged extends Error {
  constructor() {
    super('parked events were retried, or tables rebuilt, meanwhile');
    this.name = 'ParkingChanged';
  }
}

/**
 * Every parked stream, in the order in which their first parked events are in the log.
 * @param schema of the table, where the connection's search path leads elsewhere
 */
export async function readParked(
  client: ClientBase | Pool,
  schema?: string,
): Promise<readonly StoredParked[]> {
  const table = schema === undefined ? 'parked_event' : `"${schema}".parked_event`;
  const { rows } = await client.query<StoredParked>(
    `SELECT stream, revision, position, type, error, events, parked_at AS "parkedAt"
     FROM ${table} ORDER BY position, stream`,
  );
  return rows;
}

/**
 * Parks events inside the transaction that has moved the checkpoint, and so has its rows locked. Of a stream that is
 * parked already, the events come on top.
 * @throws ParkingChanged when the tables are of another generation
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

/** Writes what is left of parked streams in the place of what was there; a stream with no events left goes. */
export async function replaceParked(
  client: ClientBase,
  streams: readonly ParkedEvents[],
): Promise<void> {
  const done = streams.filter(({ events }) => events === 0).map(({ stream }) => stream);
  await client.query('DELETE FROM parked_event WHERE stream = ANY ($1)', [done]);
  const left = streams.filter(({ events }) => events > 0);
  const all = ['revision', 'position', 'type', 'error', 'events'];
  await insert(client, left, all.map((name) => `${name} = excluded.${name}`).join(', '));
}

/** Tells why streams are parked by now, of those that begin with these events. */
export async function explainParked(
  client: ClientBase | Pool,
  stuck: readonly { readonly recorded: RecordedEvent; readonly error: string }[],
): Promise<void> {
  await client.query(
    `UPDATE parked_event AS p SET type = why.type, error = why.error
     FROM unnest($1::text[], $2::bigint[], $3::text[], $4::text[])
       AS why(stream, revision, type, error)
     WHERE p.stream = why.stream AND p.revision = why.revision AND p.error <> why.error`,
    [
      stuck.map(({ recorded }) => recorded.stream),
      stuck.map(({ recorded }) => recorded.revision),
      stuck.map(({ recorded }) => pgText(recorded.type)),
      stuck.map(({ error }) => pgText(error)),
    ],
  );
}

async function insert(
  client: ClientBase,
  streams: readonly ParkedEvents[],
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

/** Inside a transaction that leaves nothing to wait for. @returns how many streams were parked */
export async function forgetParked(client: ClientBase): Promise<number> {
  return (await client.query('DELETE FROM parked_event')).rowCount ?? 0;
}
