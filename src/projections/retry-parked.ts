import type { ClientBase, Pool } from 'pg';
import type { EventStore } from '../commands/event-store.ts';
import { decode, type RecordedEvent, type StoredEvent, UnreadableEvent } from '../events/codec.ts';
import type { Step } from './backlog.ts';
import { holdCheckpoint, nextGeneration } from './checkpoint.ts';
import { LateRows, LaterEvents } from './later-events.ts';
import {
  isCutName,
  ParkingChanged,
  readParked,
  replaceParked,
  type StoredParked,
} from './parked.ts';
import type { ParkedEvents } from './parking.ts';
import { joinProjections, type Projection, type RowChange } from './projection.ts';
import { writeRows } from './write-batch.ts';

/** Events of one transaction, beside those that change the same rows. */
const batchEventsMax = 2_000;

/** What came in meanwhile is retried, too, this often; what comes after that is left for another time. */
const roundsMax = 100;

export interface RetryOptions {
  readonly eventStore: Pick<EventStore, 'readStream' | 'subscribe'>;
  readonly pool: Pool;
  /** All that there are: what is parked is kept from all of them. */
  readonly projections: readonly Projection[];
  /** Ends it between two transactions. */
  readonly signal: AbortSignal;
  /** Told of the events written so far, and how many were parked in all. */
  onProgress(written: number, parked: number): void;
}

export interface RetryResult {
  /** Events that are in the tables now and were not before. */
  readonly written: number;
  /** What still cannot be read, with what waits behind it. */
  readonly remaining: readonly StoredParked[];
}

/** A parked event that can be read. */
interface Ready {
  readonly event: StoredEvent;
  readonly changes: readonly RowChange[];
}

/**
 * Reads parked events from the log again and writes those that can be read by now, in the log's order: the rows are then
 * what a rebuild would make them. A transaction that writes events un-parks them, under the locks that the engine writes
 * under, so each is written once, by whomever; the engine may run meanwhile.
 * @throws TablesOutdated when the tables are another version's, an Error when the log does not have what is parked
 */
export async function retryParked(options: RetryOptions): Promise<RetryResult> {
  const { pool, signal, onProgress } = options;
  const project = joinProjections(options.projections);
  let written = 0;
  for (let round = 1; round <= roundsMax; round += 1) {
    const parked = await readParked(pool);
    const { ready, stuck } = sortOut(await readEvents(options, parked), project);
    if (ready.length === 0) break;
    const total = written + parked.reduce((sum, { events }) => sum + events, 0);
    try {
      for (let at = 0; at < ready.length; at += batchEventsMax) {
        signal.throwIfAborted();
        const batch = ready.slice(at, at + batchEventsMax);
        await write(options, batch, stuck);
        written += batch.length;
        onProgress(written, total);
      }
    } catch (error) {
      // Somebody else retries, or rebuilt the tables: look again.
      if (!(error instanceof ParkingChanged)) throw error;
    }
  }
  return { written, remaining: await readParked(pool) };
}

/** Every parked event, in the log's order. They are bounded: the engine stops rather than park more. */
async function readEvents(
  { eventStore }: RetryOptions,
  parked: readonly StoredParked[],
): Promise<readonly RecordedEvent[]> {
  const found: RecordedEvent[] = [];
  for (const { stream, revision, events } of parked) {
    if (isCutName(stream)) continue;
    let count = 0;
    for await (const recorded of eventStore.readStream(stream, revision)) {
      found.push(recorded);
      count += 1;
      if (count === events) break;
    }
    if (count < events) {
      throw new Error(
        `${events} events are parked from ${revision}@${stream} on, but the log has ${count}: ` +
          'is this database another log’s?',
      );
    }
  }
  return found.sort((a, b) => (a.position < b.position ? -1 : 1));
}

/** An event that still cannot be read, and why. */
interface Stuck {
  readonly recorded: RecordedEvent;
  readonly error: string;
}

/** What can be written now: an event that cannot be read holds back the rest of its stream. */
function sortOut(
  events: readonly RecordedEvent[],
  project: (event: StoredEvent) => readonly RowChange[],
): { readonly ready: readonly Ready[]; readonly stuck: ReadonlyMap<string, Stuck> } {
  const ready: Ready[] = [];
  const stuck = new Map<string, Stuck>();
  for (const recorded of events) {
    if (stuck.has(recorded.stream)) continue;
    try {
      const event = decode(recorded);
      ready.push({ event, changes: project(event) });
    } catch (error) {
      if (!(error instanceof UnreadableEvent)) throw error;
      stuck.set(recorded.stream, { recorded, error: error.message });
    }
  }
  return { ready, stuck };
}

async function write(
  { eventStore, pool, projections, signal }: RetryOptions,
  batch: readonly Ready[],
  stuck: ReadonlyMap<string, Stuck>,
): Promise<void> {
  const late = batch.map(({ event }) => event);
  const project = joinProjections(projections);
  const rows = new LateRows(batch.flatMap(({ changes }) => changes));
  const isConcerned = (event: StoredEvent) => rows.areTouchedBy(project(event));
  const later = new LaterEvents({ eventStore, late, isConcerned, signal });
  // Most of them first, so that the engine waits for a short while only.
  await later.readOn();
  const client = await pool.connect();
  try {
    await client.query('BEGIN');
    const position = await holdCheckpoint(client, projections);
    await later.readOn();
    const parked = await readParked(client);
    const steps = [
      ...batch.map(({ event, changes }) => step(event, changes)),
      ...later.inTables(position, parked).map((one) => step(one, rows.undone(project(one)))),
    ];
    steps.sort((a, b) => (a.position < b.position ? -1 : 1));
    await writeRows(client, steps);
    await moveParked(client, late, parked, stuck);
    await nextGeneration(client, projections);
    await client.query('COMMIT');
  } finally {
    // Closing it gives up what was not committed.
    client.release(true);
  }
}

const step = ({ position, createdMs }: StoredEvent, changes: readonly RowChange[]): Step => ({
  position,
  createdMs,
  changes,
  isEvent: true,
});

/** Takes the events that are written now out of what is parked. @throws ParkingChanged when they are not its first */
async function moveParked(
  client: ClientBase,
  late: readonly StoredEvent[],
  parked: readonly StoredParked[],
  stuck: ReadonlyMap<string, Stuck>,
): Promise<void> {
  const left = new Map<string, ParkedEvents>(parked.map((one) => [one.stream, one]));
  for (const { stream, revision, position, type } of late) {
    const before = left.get(stream);
    if (before === undefined || before.revision !== revision) throw new ParkingChanged();
    const next = stuck.get(stream);
    const isNext = next?.recorded.revision === revision + 1n;
    left.set(stream, {
      stream,
      revision: revision + 1n,
      // Where exactly the next one is does not count, as long as it is not before.
      position: isNext ? next.recorded.position : position + 1n,
      type: isNext ? next.recorded.type : type,
      error: isNext ? next.error : 'not yet retried',
      events: before.events - 1,
    });
  }
  const moved = [...new Set(late.map(({ stream }) => stream))].map((stream) => left.get(stream));
  await replaceParked(
    client,
    moved.filter((one) => one !== undefined),
  );
}
