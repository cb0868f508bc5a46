import type { LogPosition } from '../events/log-position.ts';
import type { RowChange } from './models/row-change.ts';

/** The parts of a step's event that parking needs. */
export interface StepEvent {
  readonly id: string;
  readonly stream: string;
  readonly revision: bigint;
  readonly type: string;
  /**
   * Why the event cannot be read, or why its rows cannot be written. Such a step changes nothing.
   * Undefined if there is no problem.
   */
  readonly unreadable: string | undefined;
  /**
   * The event of its stream that it skips. `isNew` if the skip was unknown when that event was
   * read.
   */
  readonly skips?: { readonly revision: bigint; readonly isNews: boolean } | undefined;
  /** The stored traceparent of its command, for traces. The value may have any type. */
  readonly traceparent?: unknown;
  /**
   * True if the stream does not belong to Reprise. Such an event changes nothing and is not parked.
   */
  readonly isForeign?: boolean;
}

/** As UnreadableEvent has it. */
export const describeEvent = ({
  revision,
  stream,
  type,
}: Pick<StepEvent, 'revision' | 'stream' | 'type'>): string =>
  `event ${revision}@${stream} (${type})`;

/** An event, or a stretch of the log without events, and its changes to the tables. */
export interface Step {
  /** The position of the event, or of the end of the stretch. */
  readonly position: LogPosition;
  /**
   * The time of the event in the log, in ms. For a stretch without events, the time when it was
   * read.
   */
  readonly createdMs: number;
  /** Empty for a stretch without events, and for an event that no projection reads. */
  readonly changes: readonly RowChange[];
  readonly isEvent: boolean;
  /** Undefined for a stretch without events. */
  readonly event?: StepEvent | undefined;
}
