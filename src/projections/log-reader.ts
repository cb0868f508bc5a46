import { setTimeout as delay } from 'node:timers/promises';
import type { EventStore, LogMessage } from '../commands/event-store.ts';
import { decode, type RecordedEvent, UnreadableEvent } from '../events/codec.ts';
import type { Backlog, Step } from './backlog.ts';
import { parkedName, storable } from './parked.ts';
import { joinProjections, type Projection, type RowChange } from './projection.ts';
import { firstEventId, tombstoneType } from './read-to-end.ts';

export interface LogReaderOptions {
  readonly eventStore: Pick<EventStore, 'subscribe' | 'head'>;
  readonly projections: readonly Projection[];
  readonly after: bigint | null;
  /** Which logs the tables are of, by their first events: empty when that is not known. */
  readonly firstEvents: readonly string[];
  readonly prefixes: readonly string[];
  readonly backlog: Backlog;
  readonly signal: AbortSignal;
  readonly retryMsMax: number;
  /** After each step that was put into the backlog, and when reading ends by a failure. */
  onStep(): void;
  /** The position of the newest message before; null when there was none. */
  onCaughtUp(position: bigint | null): void;
  onTrouble(error: unknown): void;
}

export interface LogReader {
  /** Why it stopped reading for good: a bug, or a log that is not the tables'. */
  readonly failure: Error | undefined;
  /** Id of the log's first event; undefined while it has none. Known before the first step. */
  readonly firstEvent: string | undefined;
  stop(): Promise<void>;
}

/** The tables hold more than the log: it was lost or it is another one. */
export class LogTooShort extends Error {
  constructor(after: bigint, head: bigint | null) {
    super(
      `the read models are at position ${after} but the log ends at ${head ?? 'its start'}: ` +
        'is this database another log’s? Empty it, and it is filled again from the log',
    );
    this.name = 'LogTooShort';
  }
}

/** The tables are of a log that begins with another event. */
export class OtherLog extends Error {
  constructor(found: string | undefined) {
    super(
      `the read models are another log’s, this one begins with ${found ?? 'no event of theirs'}: set POSTGRES_URL to ` +
        'this log’s own database, or to an empty one, which is filled from the log; or run reprise rebuild, which makes ' +
        'them from this log, and start again',
    );
    this.name = 'OtherLog';
  }
}

/** A bug, told with the event that shows it. */
function failedAt({ revision, stream, type }: RecordedEvent, cause: unknown): Error {
  const why = cause instanceof Error ? cause.message : String(cause);
  return new Error(`event ${revision}@${stream} (${type}): ${why}`, { cause });
}

/**
 * Reads the log into the backlog, from a position on, until it is stopped; pauses while the backlog is full. An event that
 * this version cannot read becomes a step that says why.
 */
export function readLog(options: LogReaderOptions): LogReader {
  return new Reader(options);
}

class Reader implements LogReader {
  failure: Error | undefined;
  firstEvent: string | undefined;
  private readonly options: LogReaderOptions;
  private readonly project: (event: RecordedEvent) => readonly RowChange[];
  private readonly aborter = new AbortController();
  private readonly signal: AbortSignal;
  private readonly ended: Promise<void>;
  private last: bigint | null;

  constructor(options: LogReaderOptions) {
    this.options = options;
    this.last = options.after;
    const join = joinProjections(options.projections);
    this.project = (event) => join(decode(event));
    this.signal = AbortSignal.any([options.signal, this.aborter.signal]);
    this.ended = this.run();
  }

  stop(): Promise<void> {
    this.aborter.abort();
    this.options.backlog.makeRoom();
    return this.ended;
  }

  private async run(): Promise<void> {
    const { retryMsMax, onTrouble, onStep } = this.options;
    while (!this.signal.aborted && this.failure === undefined) {
      try {
        await this.read();
      } catch (error) {
        if (!this.signal.aborted) onTrouble(error);
      }
      if (this.failure !== undefined) break;
      const pause = retryMsMax * (0.1 + 0.9 * Math.random());
      await delay(pause, undefined, { signal: this.signal }).catch(() => {});
    }
    if (!this.signal.aborted) onStep();
  }

  private async read(): Promise<void> {
    const { eventStore, prefixes, backlog } = this.options;
    const after = this.last;
    if (after !== null) {
      const head = await eventStore.head();
      if (head === null || head < after) {
        this.failure = new LogTooShort(after, head);
        return;
      }
      this.firstEvent ??= (await firstEventId(eventStore, prefixes, this.signal)) ?? undefined;
      if (this.options.firstEvents.some((one) => one !== this.firstEvent)) {
        this.failure = new OtherLog(this.firstEvent);
        return;
      }
    }
    for await (const message of eventStore.subscribe({ after, prefixes, signal: this.signal })) {
      if (backlog.isFull) await backlog.whenRoom();
      if (this.signal.aborted) return;
      this.take(message);
      if (this.failure !== undefined) return;
    }
  }

  private take(message: LogMessage): void {
    switch (message.kind) {
      case 'caught-up':
        this.options.onCaughtUp(this.last);
        return;
      case 'checkpoint':
        this.takeStretch(message.position);
        return;
      case 'event':
        if (message.event.type === tombstoneType) this.takeStretch(message.event.position);
        else this.takeEvent(message.event);
    }
  }

  private takeStretch(position: bigint): void {
    this.push({ position, createdMs: Date.now(), changes: [], isEvent: false });
  }

  private takeEvent(recorded: RecordedEvent): void {
    const { position, createdMs, stream, revision, type } = recorded;
    this.firstEvent ??= recorded.id;
    let changes: readonly RowChange[] = [];
    let unreadable: string | undefined;
    try {
      changes = this.project(recorded);
    } catch (error) {
      if (!(error instanceof UnreadableEvent)) {
        this.failure = failedAt(recorded, error);
        return;
      }
      unreadable = storable(error.message.replace(stream, () => parkedName(stream)));
    }
    const step = { position, createdMs, changes, isEvent: true };
    const event = { stream: parkedName(stream), revision, type: storable(type), unreadable };
    this.push({ ...step, event });
  }

  private push(step: Step): void {
    this.options.backlog.push(step);
    this.last = step.position;
    this.options.onStep();
  }
}
