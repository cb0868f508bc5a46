import { AssertionError } from 'node:assert';
import {
  type EventStore,
  inLists,
  LogDiffers,
  type LogMessage,
  type LogPlace,
  placeOf,
  tombstoneType,
} from '../../commands/core/event-store.ts';
import type { ForeignStreams } from '../../commands/core/foreign-streams.ts';
import { decode, type RecordedEvent, UnreadableEvent } from '../../events/codec.ts';
import { eventAt, type LogPosition } from '../../events/log-position.ts';
import { readSkips, Skips, skipIn } from '../../events/skipped.ts';
import { randomized } from '../../support/backoff.ts';
import { pause } from '../../support/pause.ts';
import { pgText } from '../../support/pg-text.ts';
import type { Step, StepEvent } from '../log-step.ts';
import { joinProjections, type Projection } from '../models/projection.ts';
import type { RowChange } from '../models/row-change.ts';
import { parkedName } from '../parking/parked-table.ts';
import type { Backlog } from './backlog.ts';

export interface LogReaderOptions {
  readonly eventStore: Pick<EventStore, 'subscribe' | 'readStream'>;
  readonly foreign: ForeignStreams;
  readonly projections: readonly Projection[];
  readonly after: LogPlace | null;
  readonly prefixes: readonly string[];
  readonly backlog: Backlog;
  readonly signal: AbortSignal;
  readonly retryMsMax: number;
  /**
   * Called after each step that was put into the backlog, and when the read ends with a failure.
   */
  onStep(): void;
  /** Called with the position of the newest message before the end; null if there was none. */
  onCaughtUp(position: LogPosition | null): void;
  /**
   * Called with the error if the log is not the log that was read before, and with undefined if it
   * is. While waiting may help, the reader asks the log again.
   */
  onDiffers(differs: LogDiffers | undefined): void;
  onTrouble(error: unknown): void;
}

export interface LogReader {
  /** The bug that made it stop reading. */
  readonly failure: Error | undefined;
  stop(): Promise<void>;
}

/** A bug, with the event at which it happened. */
function failedAt({ revision, stream, type }: RecordedEvent, cause: unknown): Error {
  const why = cause instanceof Error ? cause.message : String(cause);
  return new Error(`event ${revision}@${stream} (${type}): ${why}`, { cause });
}

/**
 * Reads the log into the backlog, from a position on, until it is stopped. It pauses while the
 * backlog is full. An event that this version cannot read becomes a step that says why; an event
 * that is skipped becomes a step that changes nothing.
 */
export function readLog(options: LogReaderOptions): LogReader {
  return new Reader(options);
}

class Reader implements LogReader {
  failure: Error | undefined;
  readonly #options: LogReaderOptions;
  readonly #project: (event: RecordedEvent) => readonly RowChange[];
  readonly #aborter = new AbortController();
  readonly #signal: AbortSignal;
  readonly #ended: Promise<void>;
  #last: LogPlace | null;
  /**
   * Has it read the skips? It reads them once, before anything else. It meets a later skip in the
   * log, after the skipped event.
   */
  #isPrepared = false;
  #skips = new Skips();

  constructor(options: LogReaderOptions) {
    this.#options = options;
    this.#last = options.after;
    const join = joinProjections(options.projections);
    this.#project = (event) => (this.#skips.has(event) ? [] : join(decode(event)));
    this.#signal = AbortSignal.any([options.signal, this.#aborter.signal]);
    this.#ended = this.#run();
  }

  stop(): Promise<void> {
    this.#aborter.abort();
    this.#options.backlog.makeRoom();
    return this.#ended;
  }

  async #run(): Promise<void> {
    const { retryMsMax, onTrouble, onStep } = this.#options;
    while (!this.#signal.aborted && this.failure === undefined) {
      try {
        await this.#read();
      } catch (error) {
        if (this.#signal.aborted) break;
        if (error instanceof AssertionError) this.failure = error;
        else if (!(error instanceof LogDiffers)) onTrouble(error);
        else this.#options.onDiffers(error);
        if (error instanceof LogDiffers && !error.mayPass) return;
      }
      if (this.failure !== undefined) break;
      await pause(randomized(retryMsMax, 0.9), this.#signal);
    }
    if (!this.#signal.aborted) onStep();
  }

  async #read(): Promise<void> {
    const { eventStore, prefixes, backlog } = this.#options;
    const after = this.#last;
    const signal = this.#signal;
    if (!this.#isPrepared) this.#skips = await readSkips(eventStore);
    this.#isPrepared = true;
    for await (const messages of inLists(eventStore.subscribe({ after, prefixes, signal }))) {
      this.#options.onDiffers(undefined);
      for (const message of messages) {
        if (backlog.isFull && !signal.aborted) await backlog.whenRoom();
        // This is usually not a promise. To await one costs a turn of the event loop.
        const foreign = message.kind === 'event' && this.#isForeign(message.event);
        const isForeign = typeof foreign === 'boolean' ? foreign : await foreign;
        // Another reader may already fill the backlog.
        if (signal.aborted) return;
        this.#take(message, isForeign);
        if (this.failure !== undefined) return;
      }
    }
  }

  #isForeign(event: RecordedEvent): boolean | Promise<boolean> {
    return event.type !== tombstoneType && this.#options.foreign.has(event);
  }

  #take(message: LogMessage, isForeign: boolean): void {
    switch (message.kind) {
      case 'caught-up':
        this.#options.onCaughtUp(this.#last?.position ?? null);
        return;
      case 'checkpoint':
        this.#takeStretch(message.position);
        return;
      case 'event':
        if (message.event.type === tombstoneType)
          this.#takeStretch(eventAt(message.event.position));
        else this.#takeEvent(message.event, isForeign);
    }
  }

  #takeStretch(position: LogPosition): void {
    const step = { position, createdMs: Date.now(), changes: [], isEvent: false };
    this.#push(step, { position, event: this.#last?.event });
  }

  #takeEvent(recorded: RecordedEvent, isForeign: boolean): void {
    const { id, createdMs, stream, revision, type } = recorded;
    const place = placeOf(recorded);
    let changes: readonly RowChange[] = [];
    let unreadable: string | undefined;
    let skips: StepEvent['skips'];
    try {
      if (!isForeign) {
        changes = this.#project(recorded);
        skips = this.#learn(recorded);
      }
    } catch (error) {
      if (!(error instanceof UnreadableEvent)) {
        this.failure = failedAt(recorded, error);
        return;
      }
      unreadable = pgText(error.message.replace(stream, () => parkedName(stream)));
    }
    const name = parkedName(stream);
    const traceparent = (recorded.metadata as { traceparent?: unknown } | null)?.traceparent;
    // One literal, because to spread parts into it takes longer than all the rest here.
    const event: StepEvent = {
      id,
      stream: name,
      revision,
      type: pgText(type),
      unreadable,
      skips,
      isForeign,
      traceparent,
    };
    this.#push({ position: place.position, createdMs, changes, isEvent: true, event }, place);
  }

  /**
   * @returns the event that this event skips, if any.
   * @throws UnreadableEvent
   */
  #learn(recorded: RecordedEvent): StepEvent['skips'] {
    const skip = skipIn(recorded);
    if (skip === undefined) return undefined;
    const isNews = !this.#skips.knows(skip);
    this.#skips.add(skip);
    return { revision: skip.revision, isNews };
  }

  #push(step: Step, place: LogPlace): void {
    this.#options.backlog.push(step);
    this.#last = place;
    this.#options.onStep();
  }
}
