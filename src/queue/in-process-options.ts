import type { QueueMove } from './queue-log.ts';

export interface InProcessQueueOptions {
  /** Whose tokens it gives and takes. Default '': the line of the shop. */
  readonly room?: string;
  /** Milliseconds since the epoch. Default: the system's clock. */
  readonly now?: () => number;
  /** From 0 to 1, for pauses. Default `Math.random`. */
  readonly chance?: () => number;
  /** Told of each move, as it happens. Default nobody is. */
  readonly onMove?: (move: QueueMove) => void;
}
