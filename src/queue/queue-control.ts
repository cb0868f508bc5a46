import type { Lot } from './lot.ts';
import type { QueueLimits } from './waiting-queue.ts';

/** The steering of one room of the queue while it runs, in addition to its settings. */
export interface QueueControl {
  /**
   * The revision of its step in the log. The highest revision counts. −1: nobody has steered it.
   */
  readonly revision: number;
  /** Replaces the setting. Null: the setting counts. */
  readonly admittedMax: number | null;
  /** Admissions per minute, beside the limit of places; null: no limit. */
  readonly perMinute: number | null;
  /** Nobody is admitted. */
  readonly paused: boolean;
  /** No new user can enrol. */
  readonly draining: boolean;
  /** The lot for users who enrol before the sale opens. Null: there is no lot. */
  readonly lot: Lot | null;
  /** The revision of the last step that emptied the line; −1 if there was none. */
  readonly clearedRevision: number;
}

/** The number of places after a step: the step's number, or the setting. */
export const limitsOf = (
  { admittedMax, paused, lot }: QueueControl,
  setting: number,
): QueueLimits => ({
  places: admittedMax ?? setting,
  isPaused: paused,
  ...(lot !== null && { opensAtMs: lot.opensAtMs }),
});

export const notSteered: QueueControl = {
  revision: -1,
  admittedMax: null,
  perMinute: null,
  paused: false,
  draining: false,
  lot: null,
  clearedRevision: -1,
};
