import type { ClientBase, Pool } from 'pg';
import type { EventStore } from '../../commands/core/event-store.ts';
import { ForeignStreams } from '../../commands/core/foreign-streams.ts';
import type { RecordedEvent, StoredEvent } from '../../events/codec.ts';
import { eventAt, eventsUpTo } from '../../events/log-position.ts';
import { readSkips, Skips } from '../../events/skipped.ts';
import { holdCheckpoint, nextGeneration } from '../engine/checkpoint.ts';
import { BatchSize, RowsRefused } from '../engine/refused-rows.ts';
import { writeRows } from '../engine/write-batch.ts';
import { describeEvent, type Step } from '../log-step.ts';
import { joinProjections, type Projection } from '../models/projection.ts';
import type { RowChange } from '../models/row-change.ts';
import {
  explainParked,
  type ParkedStreamRow,
  ParkingChanged,
  readParked,
  replaceParked,
} from './parked-table.ts';
import { LateRows, LaterEvents } from './reapply.ts';
import {
  type FirstParked,
  findParked,
  type ReadableEvent,
  RetryableStream,
} from './retryable-streams.ts';

/** Parked events of one transaction. Later events that change the same rows are also in it. */
const batchEventsMax = 2_000;

/** Another round retries events that were parked meanwhile. There are at most so many rounds. */
const roundsMax = 100;

export interface RetryOptions {
  readonly eventStore: Pick<EventStore, 'readStream' | 'subscribe' | 'head'>;
  readonly pool: Pool;
  /** All projections, because a parked event is in none of their tables. */
  readonly projections: readonly Projection[];
  /** Ends it between two transactions. */
  readonly signal: AbortSignal;
  /** Called with the number of written events so far, and the number of all parked events. */
  onProgress(written: number, parked: number): void;
}

export interface RetryResult {
  /** Events that this retry wrote to the tables. */
  readonly written: number;
  /** Parked events that are no longer parked because they are skipped. */
  readonly skipped: number;
  /**
   * Parked events, by stream, that the log no longer has or that are on a foreign stream. They are
   * not parked any longer.
   */
  readonly gone: ReadonlyMap<string, number>;
  /** The streams that are still parked. */
  readonly remaining: readonly ParkedStreamRow[];
}

/**
 * Reads parked events from the log again and writes those that this version can read, in the log's
 * order. Then the rows are the same as after a rebuild. The transaction that writes events also
 * un-parks them, under the same locks as the engine's. So each event is written once, and the
 * engine may run meanwhile. Events that the log no longer has are un-parked without being written.
 * @throws TablesOutdated when the tables are another version's, an Error when the log ends before
 * the parked events
 */
export async function retryParked(options: RetryOptions): Promise<RetryResult> {
  const retry = new Retry(options);
  for (let round = 1; round <= roundsMax; round += 1) {
    if (!(await retry.round())) break;
  }
  const { written, skipped, gone } = retry;
  return { written, skipped, gone, remaining: await readParked(options.pool) };
}

/** The change of a parked stream when some of its events are written, or are not in the log. */
interface StreamUpdate {
  readonly stream: string;
  /** Its first parked revision before. */
  readonly revision: bigint;
  /** Its first parked event after it. */
  readonly to: FirstParked;
}

class Retry {
  written = 0;
  skipped = 0;
  readonly gone = new Map<string, number>();
  readonly #options: RetryOptions;
  readonly #project: (event: StoredEvent) => readonly RowChange[];
  readonly #batchSize = new BatchSize(batchEventsMax);
  #skips = new Skips();
  readonly #foreign: ForeignStreams;

  constructor(options: RetryOptions) {
    this.#options = options;
    this.#foreign = new ForeignStreams(options.eventStore);
    this.#project = joinProjections(options.projections);
  }

  /**
   * Retries the events that are parked now.
   * @returns whether another round may find more to do
   */
  async round(): Promise<boolean> {
    const { eventStore, pool, signal } = this.#options;
    const parked = await readParked(pool);
    const found = await findParked(eventStore, parked, signal);
    // The skips are read after the parked events, so that no skip of a parked event is missed.
    this.#skips = await readSkips(eventStore);
    const streams = new Map<string, RetryableStream>();
    for (const one of parked) {
      const events = found.get(one.stream);
      if (events === undefined) continue;
      const ours = await this.#ours(events);
      streams.set(one.stream, new RetryableStream(one, ours, this.#project, this.#skips));
    }
    let isChanged: boolean;
    try {
      isChanged = await this.#unparkGone(streams);
      isChanged =
        (await this.#writeReadable(streams, this.written + countEvents(parked))) || isChanged;
    } catch (error) {
      // Another process retries, or has rebuilt the tables. Read the parked events again.
      if (!(error instanceof ParkingChanged)) throw error;
      return true;
    }
    const blocking = [...streams.values()].flatMap((one) => one.blocking ?? []);
    await explainParked(pool, blocking);
    return isChanged;
  }

  /** Removes the events of foreign streams, which older versions parked, and un-parks them. */
  async #ours(events: readonly RecordedEvent[]): Promise<readonly RecordedEvent[]> {
    const ours: RecordedEvent[] = [];
    for (const event of events) if (!(await this.#foreign.has(event))) ours.push(event);
    return ours;
  }

  /**
   * If the first parked event is not in the log, the next event that is in the log becomes the
   * first.
   */
  async #unparkGone(streams: ReadonlyMap<string, RetryableStream>): Promise<boolean> {
    const updates: StreamUpdate[] = [];
    for (const [stream, one] of streams) {
      const { revision } = one.parked;
      const to = one.firstParkedFrom(revision);
      if (to.revision !== revision) updates.push({ stream, revision, to });
    }
    if (updates.length > 0) await this.#write([], updates);
    return updates.length > 0;
  }

  /** @returns whether anything was written */
  async #writeReadable(
    streams: ReadonlyMap<string, RetryableStream>,
    total: number,
  ): Promise<boolean> {
    const { signal, onProgress } = this.#options;
    let left = [...streams.values()].flatMap(({ readable }) => readable);
    left.sort((a, b) => (a.event.position < b.event.position ? -1 : 1));
    const doneBefore = this.written + this.skipped;
    while (left.length > 0) {
      signal.throwIfAborted();
      const batch = left.slice(0, this.#batchSize.max);
      try {
        await this.#write(batch, updatesBy(batch, streams));
        this.#batchSize.written();
        left = left.slice(batch.length);
        onProgress(this.written, total);
      } catch (error) {
        if (!(error instanceof RowsRefused)) throw error;
        const [one, ...others] = batch as [ReadableEvent, ...ReadableEvent[]];
        if (others.length > 0) {
          this.#batchSize.refused(batch.length);
          continue;
        }
        const { event } = one;
        const blocking = { recorded: event, error: `${describeEvent(event)}: ${error.message}` };
        streams.get(event.stream)?.block(blocking);
        left = left.filter(({ event: { stream } }) => stream !== event.stream);
      }
    }
    return this.written + this.skipped > doneBefore;
  }

  /** Writes events and un-parks them, in one transaction. @throws RowsRefused, ParkingChanged */
  async #write(batch: readonly ReadableEvent[], updates: readonly StreamUpdate[]): Promise<void> {
    const { eventStore, pool, projections, signal } = this.#options;
    const project = this.#project;
    const late = batch.flatMap(({ read }) => read ?? []);
    const rows = new LateRows(batch.flatMap(({ changes }) => changes));
    const isConcerned = (event: StoredEvent) => rows.areTouchedBy(project(event));
    const later = new LaterEvents({ eventStore, late, isConcerned, skips: this.#skips, signal });
    // Most of them are read before `holdCheckpoint`, which makes the engine wait.
    await later.readOn();
    const client = await pool.connect();
    try {
      await client.query('BEGIN');
      const { position } = await holdCheckpoint(client, projections);
      const upTo = position && eventsUpTo(position);
      await later.readOn();
      const parked = await readParked(client);
      const steps = [
        ...batch.map(({ event, changes }) => step(event, changes)),
        ...later.inTables(upTo, parked).map((one) => step(one, rows.undone(project(one)))),
      ];
      steps.sort((a, b) => (a.position.commit < b.position.commit ? -1 : 1));
      await writeRows(client, steps);
      await updateParked(client, parked, updates);
      await nextGeneration(client, projections);
      await client.query('COMMIT');
    } finally {
      // Closing the connection rolls back all changes that were not committed.
      client.release(true);
    }
    this.skipped += batch.length - late.length;
    this.written += late.length;
    this.#countGone(batch, updates);
  }

  #countGone(batch: readonly ReadableEvent[], updates: readonly StreamUpdate[]): void {
    for (const { stream, revision, to } of updates) {
      const done = batch.filter(({ event }) => event.stream === stream).length;
      const gone = Number(to.revision - revision) - done;
      if (gone > 0) this.gone.set(stream, (this.gone.get(stream) ?? 0) + gone);
    }
  }
}

const countEvents = (parked: readonly ParkedStreamRow[]): number =>
  parked.reduce((sum, { events }) => sum + events, 0);

const step = ({ position, createdMs }: RecordedEvent, changes: readonly RowChange[]): Step => ({
  position: eventAt(position),
  createdMs,
  changes,
  isEvent: true,
});

/** How parked streams change when a batch of their events is written. */
function updatesBy(
  batch: readonly ReadableEvent[],
  streams: ReadonlyMap<string, RetryableStream>,
): readonly StreamUpdate[] {
  const first = new Map<string, bigint>();
  const last = new Map<string, bigint>();
  for (const { event } of batch) {
    if (!first.has(event.stream)) first.set(event.stream, event.revision);
    last.set(event.stream, event.revision);
  }
  return [...streams].flatMap(([stream, one]) => {
    const revision = first.get(stream);
    const through = last.get(stream);
    if (revision === undefined || through === undefined) return [];
    return [{ stream, revision, to: one.firstParkedFrom(through + 1n) }];
  });
}

/**
 * Updates the rows of parked streams.
 * @throws ParkingChanged if a stream's first parked event is now another one
 */
async function updateParked(
  client: ClientBase,
  parked: readonly ParkedStreamRow[],
  updates: readonly StreamUpdate[],
): Promise<void> {
  const before = new Map(parked.map((one) => [one.stream, one]));
  const left = updates.map(({ stream, revision, to }) => {
    const found = before.get(stream);
    if (found?.revision !== revision) throw new ParkingChanged();
    return { ...to, stream, events: found.events - Number(to.revision - revision) };
  });
  await replaceParked(client, left);
}
