import type { ClientBase } from 'pg';
import type { LogPlace } from '../../commands/core/event-store.ts';
import { isBefore, type LogPosition } from '../../events/log-position.ts';
import type { Projection } from '../models/projection.ts';
import type { ParkedFrom } from '../parking/parked-streams.ts';

/** The name and version that identify a projection's checkpoint. */
type Named = Pick<Projection, 'name' | 'version'>;

/** Another process moved the checkpoint: the batch must not be written. */
export class FenceLost extends Error {
  constructor(expected: LogPosition | null) {
    super(`the checkpoint is no longer at ${expected?.commit ?? 'the start'}: somebody else wrote`);
    this.name = 'FenceLost';
  }
}

/** The tables are not those of this version of the service: they must be rebuilt from the log. */
export class TablesOutdated extends Error {
  /**
   * Names of the projections to build. Empty if a newer version made the tables, because this
   * version must not change those.
   */
  readonly toBuild: readonly string[];

  constructor(detail: string, toBuild: readonly string[] = []) {
    super(`the read models do not fit this version of the service: ${detail}`);
    this.name = 'TablesOutdated';
    this.toBuild = toBuild;
  }
}

/** How far the tables are. */
export interface Checkpoint {
  /** The log was read up to here; null at its start. The fence compares this position. */
  readonly position: LogPosition | null;
  /** The last event in the tables; null before the first. */
  readonly eventPosition: bigint | null;
  /** The id of that event; null before the first event, or if the id is unknown. */
  readonly eventId: string | null;
}

/** Before the first event. */
export const logStart: Checkpoint = { position: null, eventPosition: null, eventId: null };

/** The place where a reader of the log continues. */
export function placeAt({ position, eventPosition, eventId }: Checkpoint): LogPlace | null {
  if (position === null) return null;
  const event = eventPosition === null ? undefined : { position: eventPosition, id: eventId };
  return { position, event };
}

/** A checkpoint's columns, in `StoredPosition`'s names. */
export const positionColumns =
  'position AS commit, prepare, event_position AS "eventPosition", event_id AS "eventId"';

export interface StoredPosition {
  readonly commit: bigint | null;
  readonly prepare: bigint | null;
  readonly eventPosition: bigint | null;
  readonly eventId: string | null;
}

export const checkpointIn = (row: StoredPosition): Checkpoint => ({
  position: row.commit === null ? null : { commit: row.commit, prepare: row.prepare ?? row.commit },
  eventPosition: row.eventPosition,
  eventId: row.eventId,
});

/** Do both checkpoints have the same events of the same log? */
export const isSame = (a: Checkpoint, b: Checkpoint): boolean =>
  !isBefore(a.position, b.position) && !isBefore(b.position, a.position) && a.eventId === b.eventId;

/** A checkpoint as the database holds it. */
export interface StoredCheckpoint extends Checkpoint {
  /** Raised when a rebuild put other rows into the tables, or parked events were written. */
  readonly generation: number;
  /** The parked streams, in the same snapshot. */
  readonly parked: readonly ParkedFrom[];
}

/**
 * Notified in the transaction that writes events. It means that the checkpoint must be read again;
 * what the notification says is ignored.
 */
export const checkpointChannel = 'reprise_checkpoint';

/**
 * Notified in a transaction that writes rows in another order than the log. Afterwards an instance
 * can no longer trust what it knows about the tables.
 */
export const replacedChannel = 'reprise_replaced';

/**
 * Reads the common position of all projections' tables. If the database has no checkpoints yet, it
 * registers the tables that the migrations made, at the log's start.
 * @throws TablesOutdated when some tables are at another position, of another version, or missing
 */
export async function readCheckpoint(
  client: ClientBase,
  projections: readonly Projection[],
): Promise<StoredCheckpoint> {
  const known = await readStored(client, projections);
  const stored =
    known.length > 0 ? known : await register(client, projections.filter(isMadeByMigrations));
  const furthest = furthestOf(stored);
  const outdated = projections.filter((one) => {
    const found = stored.find(({ name }) => name === one.name);
    return found?.version !== one.version || !isSame(found, furthest);
  });
  if (outdated.length > 0) throw describeOutdated(outdated, stored);
  const { position, eventPosition, eventId } = furthest;
  return {
    position,
    eventPosition,
    eventId,
    generation: stored.reduce((sum, { generation }) => sum + generation, 0),
    // Later events were parked before the tables were emptied.
    parked: (stored[0]?.parked ?? [])
      .map((one) => ({ ...one, position: BigInt(one.position) }))
      .filter((one) => position !== null && one.position <= position.commit),
  };
}

/** The checkpoint of the projection that is furthest; a new projection is behind the others. */
export const furthestOf = (checkpoints: readonly Checkpoint[]): Checkpoint =>
  checkpoints.reduce(
    (furthest, one) => (isBefore(furthest.position, one.position) ? one : furthest),
    logStart,
  );

interface StoredProjection extends Checkpoint, Named {
  readonly generation: number;
  /** The parked streams of all projections, the same in every row. Positions are decimal. */
  readonly parked: readonly { stream: string; position: string; events: number }[];
}

/** One statement, so one snapshot. */
async function readStored(
  client: ClientBase,
  projections: readonly Named[],
): Promise<readonly StoredProjection[]> {
  const { rows } = await client.query<Omit<StoredProjection, keyof Checkpoint> & StoredPosition>(
    `SELECT name, version, ${positionColumns}, generation,
       (SELECT coalesce(json_agg(json_build_object('stream', stream, 'position', position::text,
          'events', events)), '[]') FROM parked_event) AS parked
     FROM projection_checkpoint WHERE name = ANY($1)`,
    [projections.map(({ name }) => name)],
  );
  return rows.map((row) => ({ ...row, ...checkpointIn(row) }));
}

const isMadeByMigrations = ({ tables }: Projection): boolean =>
  tables.every(({ definition }) => definition === undefined);

async function register(
  client: ClientBase,
  projections: readonly Named[],
): Promise<readonly StoredProjection[]> {
  await client.query(
    `INSERT INTO projection_checkpoint (name, version)
     SELECT name, version FROM unnest($1::text[], $2::integer[]) AS mine(name, version)
     ORDER BY name ON CONFLICT DO NOTHING`,
    [projections.map(({ name }) => name), projections.map(({ version }) => version)],
  );
  return readStored(client, projections);
}

function describeOutdated(
  outdated: readonly Projection[],
  stored: readonly StoredProjection[],
): TablesOutdated {
  const versions = outdated.map((one) => ({
    ...one,
    found: stored.find(({ name }) => name === one.name)?.version,
  }));
  const [first] = versions.filter(({ version, found }) => found !== version);
  const detail =
    first === undefined
      ? 'their checkpoints differ'
      : first.found === undefined
        ? `${first.name} has no tables yet`
        : `${first.name} has version ${first.found}, not ${first.version}`;
  const isNewer = versions.some(({ version, found }) => found !== undefined && found > version);
  return new TablesOutdated(detail, isNewer ? [] : outdated.map(({ name }) => name));
}

/**
 * Keeps the tables at their position until the caller's transaction ends. It takes the same locks
 * as `moveCheckpoint`.
 * @returns the position
 * @throws TablesOutdated when not all tables are this version's, at one position
 */
export async function holdCheckpoint(
  client: ClientBase,
  projections: readonly Projection[],
): Promise<Checkpoint> {
  await client.query(
    'SELECT 1 FROM projection_checkpoint WHERE name = ANY ($1) ORDER BY name FOR UPDATE',
    [projections.map(({ name }) => name)],
  );
  return readCheckpoint(client, projections);
}

/**
 * Makes every instance forget what it knows about the tables. Called in a transaction that writes
 * rows in another order than the log.
 */
export async function nextGeneration(
  client: ClientBase,
  projections: readonly Named[],
): Promise<void> {
  await client.query(
    'UPDATE projection_checkpoint SET generation = generation + 1 WHERE name = ANY ($1)',
    [projections.map(({ name }) => name)],
  );
  await client.query(`NOTIFY ${replacedChannel}`);
}

/** The move of the checkpoint by one batch. */
export interface CheckpointMove {
  /** Of its first step. */
  readonly first: LogPosition;
  /** Of its last step. */
  readonly last: LogPosition;
  /** Its last event; undefined when it has none. */
  readonly event: { readonly position: bigint; readonly id: string } | undefined;
}

/**
 * Moves all checkpoints inside the caller's transaction, in the same order for every caller, and
 * notifies the other instances. It is the fence. The checkpoints must still be at the position that
 * the caller read, and before the batch's first step. They stay locked until the transaction ends.
 * @throws FenceLost
 */
export async function moveCheckpoint(
  client: ClientBase,
  projections: readonly Named[],
  from: LogPosition | null,
  { first, last, event }: CheckpointMove,
): Promise<void> {
  const moving = client.query({
    name: 'move_checkpoint',
    text: moveText,
    values: [
      projections.map(({ name }) => name),
      projections.map(({ version }) => version),
      from?.commit,
      from?.prepare,
      first.commit,
      first.prepare,
      last.commit,
      last.prepare,
      event?.position,
      event?.id,
    ],
  });
  await moving.catch((error: unknown) => {
    throw isLostFence(error) ? new FenceLost(from) : error;
  });
}

/**
 * A function that the migrations made in the live schema. It always fails with `lostFenceState`.
 */
export const raiseLostFence = 'raise_lost_fence';

/** The SQLSTATE of a lost fence, in a class that is neither the standard's nor PostgreSQL's. */
const lostFenceState = 'RP001';

/** Did a statement fail by `raiseLostFence`? */
export const isLostFence = (error: unknown): boolean =>
  (error as { code?: unknown }).code === lostFenceState;

/**
 * If one of the checkpoints is not at the position that was read, this fails, and so does the
 * transaction.
 */
const moveText = `
  WITH fence AS (
    SELECT name FROM projection_checkpoint
    JOIN unnest($1::text[], $2::integer[]) AS mine(name, version) USING (name, version)
    WHERE position IS NOT DISTINCT FROM $3::bigint AND prepare IS NOT DISTINCT FROM $4::bigint
      AND (position IS NULL OR (position, prepare) < ($5::bigint, $6::bigint))
      AND (event_position IS NULL OR $9::bigint IS NULL OR event_position < $9::bigint)
    ORDER BY name
    FOR UPDATE OF projection_checkpoint
  ), moved AS (
    UPDATE projection_checkpoint SET position = $7::bigint, prepare = $8::bigint,
    event_position = coalesce($9::bigint, event_position), event_id = coalesce($10::text, event_id),
    updated_at = now()
    FROM fence WHERE projection_checkpoint.name = fence.name
    RETURNING 1
  )
  SELECT CASE
    WHEN count(*) <> cardinality($1::text[]) THEN ${raiseLostFence}()
    WHEN $9::bigint IS NOT NULL THEN pg_notify('${checkpointChannel}', '')
  END
  FROM moved`;
