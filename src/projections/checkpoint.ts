import type { ClientBase } from 'pg';
import type { ParkedEvents } from './parking.ts';
import type { Projection } from './projection.ts';

/** What a projection's checkpoint is known by. */
type Named = Pick<Projection, 'name' | 'version'>;

/** Somebody else moved the checkpoint: what is on its way must not be written. */
export class FenceLost extends Error {
  constructor(expected: bigint | null) {
    super(`the checkpoint is no longer at ${expected ?? 'the start'}: somebody else wrote`);
    this.name = 'FenceLost';
  }
}

/** The tables are not what this version of the service writes: they must be built anew from the log. */
export class TablesOutdated extends Error {
  /** Names of the projections to build. None: the tables are a newer version's, and this one must leave them alone. */
  readonly toBuild: readonly string[];

  constructor(detail: string, toBuild: readonly string[] = []) {
    super(`the read models do not fit this version of the service: ${detail}`);
    this.name = 'TablesOutdated';
    this.toBuild = toBuild;
  }
}

/** How far the tables are. */
export interface Checkpoint {
  /** The log was looked at up to here; null at its start. The fence. */
  readonly position: bigint | null;
  /** The last event in the tables; null before the first. */
  readonly eventPosition: bigint | null;
}

/** A checkpoint as the database holds it. */
export interface StoredCheckpoint extends Checkpoint {
  /** How often a rebuild put other rows into the tables, or parked events were written after all. */
  readonly generation: number;
  /** The logs that the rows are of, by their first events: one, unless projections were built from different logs. */
  readonly firstEvents: readonly string[];
  /** The streams that are kept from the tables, in the same snapshot. */
  readonly parked: readonly Pick<ParkedEvents, 'stream' | 'position' | 'events'>[];
}

/**
 * Notified in the transaction that writes events; the payload is the position of the last, or empty when events were parked
 * with it: then the checkpoint is to be read, with what is parked.
 */
export const checkpointChannel = 'reprise_checkpoint';

/** Notified in the transaction that writes rows out of the log's order: what is known of the tables does not hold. */
export const replacedChannel = 'reprise_replaced';

/**
 * Where all of the projections' tables are. In a database that no projection was written to, those that the migrations made
 * are registered at the start.
 * @throws TablesOutdated when some are at another position or of another version, or are not there
 */
export async function readCheckpoint(
  client: ClientBase,
  projections: readonly Projection[],
): Promise<StoredCheckpoint> {
  const known = await readStored(client, projections);
  const stored =
    known.length > 0 ? known : await register(client, projections.filter(isMadeByMigrations));
  const [furthest] = [...stored].sort((a, b) => (isLater(a, b) ? -1 : 1));
  const outdated = projections.filter((one) => {
    const found = stored.find(({ name }) => name === one.name);
    return found?.version !== one.version || found.position !== furthest?.position;
  });
  if (outdated.length > 0) throw describeOutdated(outdated, stored);
  const { position = null, eventPosition = null, parked = [] } = furthest ?? {};
  return {
    position,
    eventPosition,
    generation: stored.reduce((sum, { generation }) => sum + generation, 0),
    firstEvents: [...new Set(stored.flatMap(({ firstEvent }) => firstEvent ?? []))],
    // Later ones were parked before the tables were emptied.
    parked: parked
      .map((one) => ({ ...one, position: BigInt(one.position) }))
      .filter((one) => position !== null && one.position <= position),
  };
}

interface StoredProjection extends Checkpoint, Named {
  readonly generation: number;
  readonly firstEvent: string | null;
  /** Of all projections, the same in every row; positions in decimal. */
  readonly parked: readonly { stream: string; position: string; events: number }[];
}

/** One statement, so one snapshot. */
async function readStored(
  client: ClientBase,
  projections: readonly Named[],
): Promise<readonly StoredProjection[]> {
  const { rows } = await client.query<StoredProjection>(
    `SELECT name, version, position, event_position AS "eventPosition", generation,
       first_event AS "firstEvent",
       (SELECT coalesce(json_agg(json_build_object('stream', stream, 'position', position::text,
          'events', events)), '[]') FROM parked_event) AS parked
     FROM projection_checkpoint WHERE name = ANY($1)`,
    [projections.map(({ name }) => name)],
  );
  return rows;
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

const isLater = (a: Checkpoint, b: Checkpoint): boolean =>
  a.position !== null && (b.position === null || a.position > b.position);

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
 * Keeps the tables where they are until the caller's transaction ends, under the locks that `moveCheckpoint` takes.
 * @returns their position; null at the start of the log
 * @throws TablesOutdated when they are not all this version's, at one position
 */
export async function holdCheckpoint(
  client: ClientBase,
  projections: readonly Projection[],
): Promise<bigint | null> {
  await client.query(
    'SELECT 1 FROM projection_checkpoint WHERE name = ANY ($1) ORDER BY name FOR UPDATE',
    [projections.map(({ name }) => name)],
  );
  return (await readCheckpoint(client, projections)).position;
}

/** Inside a transaction that writes rows out of the log's order: tells every instance to forget what it knows of them. */
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

/**
 * Moves all the checkpoints inside the caller's transaction, in one order for every caller, and tells who listens. It
 * is the fence: they must be where the caller read them, and stay locked until the transaction ends.
 * @param to `eventPosition` is undefined when no event is written; `firstEvent`, the log's, while it has none
 * @throws FenceLost
 */
export async function moveCheckpoint(
  client: ClientBase,
  projections: readonly Named[],
  from: bigint | null,
  to: {
    readonly position: bigint;
    readonly eventPosition: bigint | undefined;
    readonly parks: boolean;
    readonly firstEvent: string | undefined;
  },
): Promise<void> {
  const moving = client.query({
    name: 'move_checkpoint',
    text: moveText,
    values: [
      projections.map(({ name }) => name),
      projections.map(({ version }) => version),
      from,
      to.position,
      to.eventPosition,
      to.parks,
      to.firstEvent,
    ],
  });
  await moving.catch((error: unknown) => {
    throw (error as { code?: unknown }).code === divisionByZero ? new FenceLost(from) : error;
  });
}

const divisionByZero = '22012';

/** Fails where not every checkpoint could be moved, and the transaction with it: by a division, for want of a way to say so. */
const moveText = `
  WITH fence AS (
    SELECT name FROM projection_checkpoint
    JOIN unnest($1::text[], $2::integer[]) AS mine(name, version) USING (name, version)
    WHERE position IS NOT DISTINCT FROM $3::bigint
    ORDER BY name
    FOR UPDATE OF projection_checkpoint
  ), moved AS (
    UPDATE projection_checkpoint SET position = $4::bigint,
    event_position = coalesce($5::bigint, event_position), updated_at = now(),
    first_event = CASE WHEN $3::bigint IS NULL THEN $7::text ELSE coalesce(first_event, $7::text) END
    FROM fence WHERE projection_checkpoint.name = fence.name
    RETURNING 1
  )
  SELECT 1 / (count(*) = cardinality($1::text[]))::integer,
    CASE WHEN $5::bigint IS NOT NULL THEN pg_notify('${checkpointChannel}',
      CASE WHEN $6::boolean THEN '' ELSE $5::bigint::text END) END
  FROM moved`;
