import type { ClientBase, Pool } from 'pg';
import type { EventStore } from '../../commands/core/event-store.ts';
import { ForeignStreams } from '../../commands/core/foreign-streams.ts';
import type { RecordedEvent, StoredEvent } from '../../events/codec.ts';
import { eventAt, eventsUpTo } from '../../events/log-position.ts';
import { readSkips, Skips } from '../../events/skipped.ts';
import { holdCheckpoint, nextGeneration } from '../engine/checkpoint.ts';
import { writeRows } from '../engine/write-batch.ts';
import { describeEvent, type Step } from '../log-step.ts';
import { joinProjections, type Projection } from '../models/projection.ts';
import type { RowChange } from '../models/row-change.ts';
import { LateRows, LaterEvents } from './later-events.ts';
import { findParked } from './parked-in-log.ts';
import {
  explainParked,
  ParkingChanged,
  readParked,
  replaceParked,
  type StoredParked,
} from './parked-table.ts';
import { Portion, RowsRefused } from './refused-rows.ts';
import { type ParkedFrom, type Ready, Waiting } from './retryable-streams.ts';

/** Events of one transaction, beside those that change the same rows. */
const batchEventsMax = 2_000;

/** What came in meanwhile is retried, too, this often; what comes after that is left for another time. */
const roundsMax = 100;

export interface RetryOptions {
  readonly eventStore: Pick<EventStore, 'readStream' | 'subscribe' | 'head'>;
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
  /** Events that were parked and are skipped: nothing waits for them any more. */
  readonly skipped: number;
  /** Events that were parked and that the log no longer has, or that are nobody's, by stream: nothing waits for them any more. */
  readonly gone: ReadonlyMap<string, number>;
  /** What still cannot be read or written, with what waits behind it. */
  readonly remaining: readonly StoredParked[];
}

/**
 * Reads parked events from the log again and writes those that can be read by now, in the log's order: the rows are then
 * what a rebuild would make them. A transaction that writes events un-parks them, under the locks that the engine writes
 * under, so each is written once, by whomever; the engine may run meanwhile. What the log no longer has is given up.
 * @throws TablesOutdated when the tables are another version's, an Error when the log ends before what is parked
 */
export async function retryParked(options: RetryOptions): Promise<RetryResult> {
  const retry = new Retry(options);
  for (let round = 1; round <= roundsMax; round += 1) {
    if (!(await retry.round())) break;
  }
  const { written, skipped, gone } = retry;
  return { written, skipped, gone, remaining: await readParked(options.pool) };
}

/** A parked stream of which events were written, or are gone. */
interface Move {
  readonly stream: string;
  /** Its first parked revision before. */
  readonly revision: bigint;
  readonly to: ParkedFrom;
}

class Retry {
  written = 0;
  skipped = 0;
  readonly gone = new Map<string, number>();
  readonly #options: RetryOptions;
  readonly #project: (event: StoredEvent) => readonly RowChange[];
  readonly #portion = new Portion(batchEventsMax);
  #skips = new Skips();
  readonly #foreign: ForeignStreams;

  constructor(options: RetryOptions) {
    this.#options = options;
    this.#foreign = new ForeignStreams(options.eventStore);
    this.#project = joinProjections(options.projections);
  }

  /** Retries what is parked by now. @returns whether anything became of it */
  async round(): Promise<boolean> {
    const { eventStore, pool, signal } = this.#options;
    const parked = await readParked(pool);
    const found = await findParked(eventStore, parked, signal);
    // What was parked up to now is skipped by what is there by now.
    this.#skips = await readSkips(eventStore);
    const waiting = new Map<string, Waiting>();
    for (const one of parked) {
      const events = found.get(one.stream);
      if (events === undefined) continue;
      waiting.set(
        one.stream,
        new Waiting(one, await this.#ours(events), this.#project, this.#skips),
      );
    }
    let isMoved: boolean;
    try {
      isMoved = await this.#giveUpGone(waiting);
      isMoved = (await this.#writeReady(waiting, this.written + countEvents(parked))) || isMoved;
    } catch (error) {
      // Somebody else retries, or rebuilt the tables: look again.
      if (!(error instanceof ParkingChanged)) throw error;
      return true;
    }
    const stuck = [...waiting.values()].flatMap((one) => one.stuck ?? []);
    await explainParked(pool, stuck);
    return isMoved;
  }

  /** Without those of streams that are nobody's, which older versions parked: they are given up. */
  async #ours(events: readonly RecordedEvent[]): Promise<readonly RecordedEvent[]> {
    const ours: RecordedEvent[] = [];
    for (const event of events) if (!(await this.#foreign.has(event))) ours.push(event);
    return ours;
  }

  /** What is first in its stream and not in the log: the stream is parked from the next event on, or no more. */
  async #giveUpGone(waiting: ReadonlyMap<string, Waiting>): Promise<boolean> {
    const moves: Move[] = [];
    for (const [stream, one] of waiting) {
      const { revision } = one.parked;
      const to = one.from(revision);
      if (to.revision !== revision) moves.push({ stream, revision, to });
    }
    if (moves.length > 0) await this.#write([], moves);
    return moves.length > 0;
  }

  /** @returns whether anything was written */
  async #writeReady(waiting: ReadonlyMap<string, Waiting>, total: number): Promise<boolean> {
    const { signal, onProgress } = this.#options;
    let left = [...waiting.values()].flatMap(({ ready }) => ready);
    left.sort((a, b) => (a.event.position < b.event.position ? -1 : 1));
    const doneBefore = this.written + this.skipped;
    while (left.length > 0) {
      signal.throwIfAborted();
      const batch = left.slice(0, this.#portion.max);
      try {
        await this.#write(batch, movesBy(batch, waiting));
        this.#portion.written();
        left = left.slice(batch.length);
        onProgress(this.written, total);
      } catch (error) {
        if (!(error instanceof RowsRefused)) throw error;
        const [one, ...others] = batch as [Ready, ...Ready[]];
        if (others.length > 0) {
          this.#portion.refused(batch.length);
          continue;
        }
        const { event } = one;
        const stuck = { recorded: event, error: `${describeEvent(event)}: ${error.message}` };
        waiting.get(event.stream)?.refuse(stuck);
        left = left.filter(({ event: { stream } }) => stream !== event.stream);
      }
    }
    return this.written + this.skipped > doneBefore;
  }

  /** Writes events and un-parks them, in one transaction. @throws RowsRefused, ParkingChanged */
  async #write(batch: readonly Ready[], moves: readonly Move[]): Promise<void> {
    const { eventStore, pool, projections, signal } = this.#options;
    const project = this.#project;
    const late = batch.flatMap(({ read }) => read ?? []);
    const rows = new LateRows(batch.flatMap(({ changes }) => changes));
    const isConcerned = (event: StoredEvent) => rows.areTouchedBy(project(event));
    const later = new LaterEvents({ eventStore, late, isConcerned, skips: this.#skips, signal });
    // Most of them first, so that the engine waits for a short while only.
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
      await moveParked(client, parked, moves);
      await nextGeneration(client, projections);
      await client.query('COMMIT');
    } finally {
      // Closing it gives up what was not committed.
      client.release(true);
    }
    this.skipped += batch.length - late.length;
    this.written += late.length;
    this.#countGone(batch, moves);
  }

  #countGone(batch: readonly Ready[], moves: readonly Move[]): void {
    for (const { stream, revision, to } of moves) {
      const done = batch.filter(({ event }) => event.stream === stream).length;
      const gone = Number(to.revision - revision) - done;
      if (gone > 0) this.gone.set(stream, (this.gone.get(stream) ?? 0) + gone);
    }
  }
}

const countEvents = (parked: readonly StoredParked[]): number =>
  parked.reduce((sum, { events }) => sum + events, 0);

const step = ({ position, createdMs }: RecordedEvent, changes: readonly RowChange[]): Step => ({
  position: eventAt(position),
  createdMs,
  changes,
  isEvent: true,
});

/** What becomes of the streams of events that are written. */
function movesBy(batch: readonly Ready[], waiting: ReadonlyMap<string, Waiting>): readonly Move[] {
  const first = new Map<string, bigint>();
  const last = new Map<string, bigint>();
  for (const { event } of batch) {
    if (!first.has(event.stream)) first.set(event.stream, event.revision);
    last.set(event.stream, event.revision);
  }
  return [...waiting].flatMap(([stream, one]) => {
    const revision = first.get(stream);
    const through = last.get(stream);
    if (revision === undefined || through === undefined) return [];
    return [{ stream, revision, to: one.from(through + 1n) }];
  });
}

/** Takes what is written, or gone, out of what is parked. @throws ParkingChanged when it is not its first */
async function moveParked(
  client: ClientBase,
  parked: readonly StoredParked[],
  moves: readonly Move[],
): Promise<void> {
  const before = new Map(parked.map((one) => [one.stream, one]));
  const moved = moves.map(({ stream, revision, to }) => {
    const found = before.get(stream);
    if (found?.revision !== revision) throw new ParkingChanged();
    return { ...to, stream, events: found.events - Number(to.revision - revision) };
  });
  await replaceParked(client, moved);
}
