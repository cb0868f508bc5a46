import type { Lot } from './lot.ts';

/** How one room of the queue is steered while it runs, beside its settings. */
export interface QueueControl {
  /** Of the step in the log that says so: a higher one counts more. −1: nobody has steered it. */
  readonly revision: number;
  /** In place of the setting; null: the setting counts. */
  readonly admittedMax: number | null;
  /** Admissions per minute, beside the limit of places; null: no limit. */
  readonly perMinute: number | null;
  /** Nobody is admitted. */
  readonly paused: boolean;
  /** Nobody new enrols. */
  readonly draining: boolean;
  /** Who enrols before the sale opens has a place by lot; null: nobody has. */
  readonly lot: Lot | null;
  /** Of the last step that emptied the line; −1: none did. */
  readonly clearedRevision: number;
}

export const notSteered: QueueControl = {
  revision: -1,
  admittedMax: null,
  perMinute: null,
  paused: false,
  draining: false,
  lot: null,
  clearedRevision: -1,
};
