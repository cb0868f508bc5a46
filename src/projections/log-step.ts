import type { LogPosition } from '../events/log-position.ts';
import type { RowChange } from './models/row-change.ts';

/** The event of a step, as far as parking needs it. */
export interface StepEvent {
  readonly id: string;
  readonly stream: string;
  readonly revision: bigint;
  readonly type: string;
  /**
   * Why the event cannot be read, or its rows not be written: the step then changes nothing.
   * Undefined when it can.
   */
  readonly unreadable: string | undefined;
  /**
   * The event of its stream that it skips. It is news when the skip was not known when that event
   * was read.
   */
  readonly skips?: { readonly revision: bigint; readonly isNews: boolean } | undefined;
  /** Of the command that wrote it, for traces; whatever is stored there. */
  readonly traceparent?: unknown;
  /** On a stream that is not one of Reprise's: it changes nothing, and is not parked either. */
  readonly isForeign?: boolean;
}

/** As UnreadableEvent has it. */
export const describeEvent = ({
  revision,
  stream,
  type,
}: Pick<StepEvent, 'revision' | 'stream' | 'type'>): string =>
  `event ${revision}@${stream} (${type})`;

/** An event, or a stretch of the log without one, and what it does to the tables. */
export interface Step {
  /** The event's, or the end of the stretch. */
  readonly position: LogPosition;
  /** When the log took the event, in ms; of a stretch without events, when it was looked at. */
  readonly createdMs: number;
  /** Empty for a stretch without events, and for an event that no projection reads. */
  readonly changes: readonly RowChange[];
  readonly isEvent: boolean;
  /** Undefined for a stretch without events. */
  readonly event?: StepEvent | undefined;
}
