import type { Client } from 'pg';
import { pause } from '../../support/pause.ts';
import { inSpan } from '../../tracing/spans.ts';
import { describeEvent, type Step } from '../log-step.ts';
import { type ParkedStream, type ParkedStreams, TooManyParked } from '../parking/parked-streams.ts';
import type { Backlog } from './backlog.ts';
import type { Checkpoint } from './checkpoint.ts';
import type { ProjectorLimits, ProjectorOptions } from './options.ts';
import { BatchSize, RowsRefused } from './refused-rows.ts';
import { writeBatch } from './write-batch.ts';

/** The writer's knowledge of the tables that it writes. */
export interface KnownTables {
  readonly committed: Checkpoint;
  readonly parked: ParkedStreams;
  readonly generation: number;
}

/**
 * Writes the backlog in batches, one transaction per batch; the engine of the leading instance uses
 * it. An event that cannot be read, or whose rows PostgreSQL refuses, is parked with its stream.
 */
export class BatchWriter {
  readonly #options: ProjectorOptions;
  readonly #limits: ProjectorLimits;
  readonly #backlog: Backlog;
  readonly #size: BatchSize;
  /** When the last transaction began. */
  #lastWriteMs = 0;

  constructor(options: ProjectorOptions, limits: ProjectorLimits, backlog: Backlog) {
    this.#options = options;
    this.#limits = limits;
    this.#backlog = backlog;
    this.#size = new BatchSize(limits.batchEventsMax);
  }

  /** Waits for more events, unless a whole batch waits or the last write was long enough ago. */
  async gather(): Promise<void> {
    const leftMs = this.#limits.flushMsMin - (performance.now() - this.#lastWriteMs);
    if (leftMs > 0 && this.#backlog.size < this.#size.max) await pause(leftMs);
  }

  /** The next batch; empty while it has no events and the checkpoint moved a moment ago. */
  next(): readonly Step[] {
    const batch = this.#backlog.first(this.#size.max, this.#limits.batchRowsMax);
    const isIdle = performance.now() - this.#lastWriteMs > this.#limits.idleCheckpointMs;
    return isIdle || this.#size.isReduced || batch.some(({ isEvent }) => isEvent) ? batch : [];
  }

  /**
   * Writes a batch. If no more events may be parked, it writes only the first part.
   * @returns the new checkpoint and the number of written events. Undefined if PostgreSQL refused
   * the rows of an event; then call `next` again
   * @throws TooManyParked if not even the first event may be parked; the errors of `writeBatch`
   */
  async write(
    client: Client,
    batch: readonly Step[],
    { committed, parked, generation }: KnownTables,
  ): Promise<{ readonly checkpoint: Checkpoint; readonly events: number } | undefined> {
    const { parkedEventsMax } = this.#limits;
    const sorted = parked.sort(batch, parkedEventsMax);
    const { steps } = sorted;
    if (steps.length === 0) throw new TooManyParked(parkedEventsMax, batch[0]?.event);
    const parks = sorted.parked.length === 0 ? undefined : { streams: sorted.parked, generation };
    this.#lastWriteMs = performance.now();
    try {
      const { projections } = this.#options;
      const work = {
        attributes: { 'reprise.steps': steps.length },
        links: traceparents(steps),
      };
      const checkpoint = await inSpan('projection batch', work, () =>
        writeBatch(client, projections, committed, steps, parks),
      );
      this.#size.written();
      this.#noteParked(parked, sorted.parked);
      this.#noteSkips(parked, steps);
      return { checkpoint, events: steps.filter(({ isEvent }) => isEvent).length };
    } catch (error) {
      if (!(error instanceof RowsRefused)) throw error;
      await client.query('ROLLBACK');
      this.#refused(steps, error);
      return undefined;
    }
  }

  /** Finds the event whose rows PostgreSQL refuses. It is then parked like an unreadable event. */
  #refused(steps: readonly Step[], error: RowsRefused): void {
    const [one, ...others] = steps.filter(({ changes }) => changes.length > 0);
    if (one?.event === undefined) throw error;
    const why = `${describeEvent(one.event)}: ${error.message}`;
    if (others.length > 0) this.#size.refused(steps.length);
    else this.#backlog.markUnreadable(one.event.id, why);
  }

  #noteParked(parked: ParkedStreams, added: readonly ParkedStream[]): void {
    for (const { stream, error } of added) {
      if (parked.has(stream)) continue;
      const what = 'projections: an event cannot be read, or written; its stream is parked';
      this.#options.logger.error({ stream, why: error }, what);
    }
    parked.add(added);
  }

  /** A skip may itself be parked, if its stream is parked from the event that it skips. */
  #noteSkips(parked: ParkedStreams, steps: readonly Step[]): void {
    const isSkip = ({ event }: Step) => event?.skips !== undefined && parked.has(event.stream);
    if (steps.some(isSkip)) this.#options.onParkedSkips?.();
  }
}

/** The traceparents of the commands whose events are in a batch. */
function* traceparents(steps: readonly Step[]): Generator<unknown> {
  for (const { event } of steps) yield event?.traceparent;
}
