import type { QueueMove } from './queue-log.ts';

export interface InProcessQueueOptions {
  /** The room whose tokens it gives and accepts. Default '': the line of the shop. */
  readonly room?: string;
  /** Milliseconds since the epoch. Default: the system's clock. */
  readonly now?: () => number;
  /** A random number from 0 to 1, for pauses. Default `Math.random`. */
  readonly chance?: () => number;
  /** Called with each move when it happens. Default: nothing happens. */
  readonly onMove?: (move: QueueMove) => void;
}
