import { setTimeout as delay } from 'node:timers/promises';
import type { ClientBase } from 'pg';
import type { LogDiffers } from '../../commands/core/event-store.ts';
import { ForeignStreams } from '../../commands/core/foreign-streams.ts';
import {
  eventsUpTo,
  isBefore,
  isEventBefore,
  type LogPosition,
} from '../../events/log-position.ts';
import { type Announced, readMarked } from '../../events/skipped.ts';
import { streamPrefixes } from '../../events/streams.ts';
import { Backlog } from '../engine/backlog.ts';
import { type Checkpoint, placeAt } from '../engine/checkpoint.ts';
import { hasEvent } from '../engine/events-to-end.ts';
import { type LogReader, readLog } from '../engine/log-reader.ts';
import { BatchSize, RowsRefused } from '../engine/refused-rows.ts';
import { Wake } from '../engine/wake.ts';
import { describeEvent, type Step } from '../log-step.ts';
import { readParked } from '../parking/parked-table.ts';
import { EventInTheWay, NotYet, Retried, SkippedMeanwhile } from './errors.ts';
import { Pace } from './filling-pace.ts';
import { KeptOut } from './kept-out.ts';
import { readLive } from './live.ts';
import type { RebuildLimits, RebuildOptions, RebuildProgress } from './options.ts';
import { type Built, prepareBuild, writeBuild } from './shadow.ts';

/** Fills the new tables from the log, up to a given position. */
export class Filling {
  /** The position of the new tables. */
  built: Built;
  /** How fast it may work, because buyers use the service or do not. */
  readonly pace: Pace;
  readonly #options: RebuildOptions;
  readonly #limits: RebuildLimits;
  readonly #client: ClientBase;
  readonly #live: string;
  readonly #backlog: Backlog;
  readonly #batchSize: BatchSize;
  readonly #reader: LogReader;
  /** Called when there are steps to write. */
  readonly #wake = new Wake();
  #caughtUp = false;
  #kept = new KeptOut([], []);
  /** The skips that were known before the first read. */
  readonly #skipped: readonly Announced[];
  /** The error with which it ended, if another run does not help. */
  #inTheWay: EventInTheWay | SkippedMeanwhile | LogDiffers | undefined;
  #target: bigint | null = null;
  #lastStepMs = performance.now();

  /**
   * Makes the new tables, or finds those of a killed rebuild, and begins to read.
   * @param client a connection that has entered the build
   * @param live schema of the live tables
   * @param through the checkpoint of the live tables; `end` if they belong to another log
   * @param readMs when that was read, on `performance.now()`'s clock
   */
  static async start(
    options: RebuildOptions,
    limits: RebuildLimits,
    client: ClientBase,
    live: string,
    through: Checkpoint | 'end',
    readMs: number,
  ): Promise<Filling> {
    const skipped = await readMarked(options.eventStore);
    const kept = await keptOf(options, client, live, skipped);
    const { eventStore, projections, signal } = options;
    const { silentMsMax } = limits;
    const isOfLog = (built: Checkpoint) =>
      hasEvent(eventStore, placeAt(built)?.event ?? null, streamPrefixes, signal, silentMsMax);
    const wanted = {
      projections,
      through: through === 'end' ? through : through.position,
      isOfLog,
    };
    const built = await prepareBuild(client, live, wanted, (at) => kept.digest(at));
    const look = async () => (await readLive(client, live)).eventPosition;
    const first = through === 'end' ? undefined : { event: through.eventPosition, atMs: readMs };
    const pace = new Pace(limits, look, first);
    const parts = { built, pace, skipped };
    return new Filling(options, limits, client, live, parts);
  }

  private constructor(
    options: RebuildOptions,
    limits: RebuildLimits,
    client: ClientBase,
    live: string,
    {
      built,
      pace,
      skipped,
    }: {
      readonly built: Built;
      readonly pace: Pace;
      readonly skipped: readonly Announced[];
    },
  ) {
    this.#skipped = skipped;
    this.#options = options;
    this.#limits = limits;
    this.#client = client;
    this.#live = live;
    this.built = built;
    this.pace = pace;
    this.#backlog = new Backlog({
      get stepsMax() {
        return pace.readAheadMax(2 * limits.batchEventsMax);
      },
      rowsMax: 2 * limits.batchRowsMax,
    });
    this.#backlog.startAfter(built.position);
    this.#batchSize = new BatchSize(limits.batchEventsMax);
    this.#reader = this.#read();
  }

  /** Is another run useless? */
  get isHopeless(): boolean {
    return this.#reader.failure !== undefined || this.#inTheWay !== undefined;
  }

  /** The number of streams that are parked in the live tables and kept out of the new ones. */
  get keptStreams(): number {
    return this.#kept.streams;
  }

  stop(): Promise<void> {
    return this.#reader.stop();
  }

  /**
   * Writes the events of the log up to a checkpoint of the live tables that was just read, and no
   * event after it; or up to the log's end.
   * @param deadlineMs by `performance.now()`; then it throws NotYet
   * @param paced work slowly, because buyers use the service
   * @throws EventInTheWay, NotYet, Retried, LogDiffers
   */
  async fillTo(
    through: Checkpoint | 'end',
    {
      deadlineMs = Number.POSITIVE_INFINITY,
      paced = false,
    }: { deadlineMs?: number; paced?: boolean } = {},
  ): Promise<void> {
    this.#kept = await keptOf(this.#options, this.#client, this.#live, this.#skipped);
    if (this.#kept.digest(this.built.position) !== this.built.kept) throw new Retried();
    this.#target = through === 'end' ? null : through.eventPosition;
    this.#lastStepMs = performance.now();
    const atOnce = deadlineMs < Number.POSITIVE_INFINITY;
    for (let gathered = atOnce; !this.#isAt(through); ) {
      this.#options.signal.throwIfAborted();
      if (gathered || this.#caughtUp || this.#isBatchReady) {
        gathered = atOnce;
        if (await this.#writeSome(through, paced)) continue;
      }
      const failure = this.#reader.failure ?? this.#inTheWay;
      if (failure !== undefined) throw failure;
      const silentMs = performance.now() - this.#lastStepMs;
      if (silentMs > this.#limits.silentMsMax) throw new Error('the event store gives no events');
      if (performance.now() > deadlineMs) throw new NotYet();
      await this.#wake.wait(this.#limits.gatherMs);
      gathered = true;
    }
  }

  /** Reports how far it is. */
  report(step: RebuildProgress['step']): void {
    const { events, position } = this.built;
    const at = position && eventsUpTo(position);
    this.#options.onProgress({ step, events, position: at, target: this.#target });
  }

  #read(): LogReader {
    const { eventStore, projections, signal, onTrouble } = this.#options;
    return readLog({
      eventStore,
      foreign: new ForeignStreams(eventStore),
      projections,
      after: placeAt(this.built),
      prefixes: streamPrefixes,
      backlog: this.#backlog,
      signal,
      retryMsMax: 1_000,
      onStep: () => {
        if (this.#caughtUp || this.#isBatchReady || this.isHopeless) this.#wake.call();
      },
      onCaughtUp: () => {
        this.#caughtUp = true;
        this.#wake.call();
      },
      onDiffers: (differs) => {
        // A moment ago, it was still the same log.
        this.#inTheWay ??= differs;
        if (differs !== undefined) this.#wake.call();
      },
      onTrouble,
    });
  }

  get #isBatchReady(): boolean {
    return this.#backlog.isFull || this.#backlog.size >= this.#limits.batchEventsMax / 2;
  }

  /**
   * Do the new tables have everything up to a checkpoint of the live tables? Between the
   * checkpoint's last event and its position, the log has no event of Reprise. This is certain once
   * the log's end is read.
   */
  #isAt(through: Checkpoint | 'end'): boolean {
    const { oldest } = this.#backlog;
    if (through === 'end') return this.#caughtUp && oldest === undefined;
    const { position, eventPosition } = through;
    if (oldest !== undefined) return isBefore(position, oldest.position);
    if (!isBefore(this.built.position, position)) return true;
    return this.#caughtUp && !isEventBefore(this.built.eventPosition, eventPosition);
  }

  /**
   * Writes one batch.
   * @returns false if there is no step up to that position
   */
  async #writeSome(through: Checkpoint | 'end', paced: boolean): Promise<boolean> {
    const { max } = this.#batchSize;
    const eventsMax = paced ? this.pace.batchEventsMax(max) : max;
    const first = this.#backlog.first(eventsMax, this.#limits.batchRowsMax);
    const batch = wantedOf(first, through);
    const last = batch.at(-1);
    if (last === undefined) return false;
    const fromMs = performance.now();
    const eventsBefore = this.built.events;
    if (!(await this.#write(this.#kept.sort(batch)))) return true;
    this.#backlog.takeThrough(last.position);
    this.#lastStepMs = performance.now();
    this.report('filling');
    if (paced) {
      const events = this.built.events - eventsBefore;
      await delay(await this.pace.restMs(events, this.#lastStepMs - fromMs));
    }
    return true;
  }

  /**
   * @returns false if PostgreSQL refuses the rows of one of several events. Then try fewer events
   * @throws EventInTheWay
   */
  async #write(steps: readonly Step[]): Promise<boolean> {
    const news = steps.find(({ event }) => event?.skips?.isNews)?.event;
    if (news?.skips !== undefined) {
      this.#inTheWay = new SkippedMeanwhile(news.stream, news.skips.revision);
      throw this.#inTheWay;
    }
    const unreadable = this.#kept.unreadable(steps);
    if (unreadable !== undefined) await this.#endAt(unreadable, unreadable.event?.unreadable);
    try {
      const digest = (at: LogPosition | null) => this.#kept.digest(at);
      this.built = await writeBuild(this.#client, this.#live, this.built, steps, digest);
      this.#batchSize.written();
      return true;
    } catch (error) {
      if (!(error instanceof RowsRefused)) throw error;
      await this.#client.query('ROLLBACK');
      const [one, ...others] = steps.filter(({ changes }) => changes.length > 0);
      if (one?.event === undefined) throw error;
      const why = `${describeEvent(one.event)}: ${error.message}`;
      if (others.length === 0) await this.#endAt(one, why);
      this.#batchSize.refused(steps.length);
      return false;
    }
  }

  async #endAt({ event, position }: Step, why = ''): Promise<never> {
    const parked = await readParked(this.#client, this.#live);
    const isParked = parked.some(
      (one) => one.stream === event?.stream && one.position <= position.commit,
    );
    this.#inTheWay = new EventInTheWay(why, position, isParked);
    throw this.#inTheWay;
  }
}

/** The first of these steps, which ascend: those up to a checkpoint. */
function wantedOf(steps: readonly Step[], through: Checkpoint | 'end'): readonly Step[] {
  if (through === 'end') return steps;
  const isWanted = ({ position }: Step) => !isBefore(through.position, position);
  const last = steps.at(-1);
  return last === undefined || isWanted(last) ? steps : steps.filter(isWanted);
}

const keptOf = async (
  { keepParked }: RebuildOptions,
  client: ClientBase,
  live: string,
  skipped: readonly Announced[],
): Promise<KeptOut> =>
  keepParked ? KeptOut.read(client, live, skipped) : new KeptOut([], skipped);
