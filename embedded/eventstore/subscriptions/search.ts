import { compare, type LogPosition, placeOf } from '../log/position.ts';

/**
 * The server version whose checkpoints are sent where the catch-up ends (README.md shows the
 * difference).
 */
export type CheckpointManner = '24.10.4' | '25.0';

export const checkpointManners: readonly CheckpointManner[] = ['24.10.4', '25.0'];
export const defaultCheckpoints: CheckpointManner = '24.10.4';

/** Events that one page delivers at most. */
const pageMatchesMax = 32;

export interface SearchOptions {
  readonly manner: CheckpointManner;
  /** Events that one page looks at, at most. */
  readonly window: number;
  /** Events looked at between two checkpoints. */
  readonly checkpointInterval: number;
}

/**
 * How a filtered subscription to `$all` goes through history: in pages, as a real server reads
 * them, since its checkpoints follow from where pages begin and end.
 */
export class Search {
  readonly #options: SearchOptions;
  #pageStart: LogPosition;
  #considered = 0;
  #matched = 0;
  #sinceCheckpoint = 0;

  /** Begins with the place that was sent last, as page reads do. */
  constructor(options: SearchOptions, sent: LogPosition) {
    this.#options = options;
    this.#pageStart = sent.commit < 0 ? placeOf(0) : sent;
  }

  /**
   * An event was looked at. Returns the checkpoint that is due now.
   * @param end where the event ends in the log, which is where the next one begins
   * @param sent the place that was sent last, an event's or a checkpoint's
   */
  considers(end: number, isMatch: boolean, sent: LogPosition): LogPosition | undefined {
    const { window, checkpointInterval } = this.#options;
    this.#considered++;
    if (isMatch) this.#matched++;
    if (this.#considered < window && this.#matched < pageMatchesMax) return undefined;
    const pageStart = this.#pageStart;
    this.#pageStart = { commit: end, prepare: 0 };
    this.#sinceCheckpoint += this.#considered;
    this.#considered = 0;
    this.#matched = 0;
    if (this.#sinceCheckpoint < checkpointInterval) return undefined;
    this.#sinceCheckpoint %= checkpointInterval;
    return later(sent, pageStart);
  }

  /** The checkpoint for the end of the log. */
  end(sent: LogPosition): LogPosition {
    return this.#options.manner === '24.10.4' ? sent : later(sent, this.#pageStart);
  }
}

function later(a: LogPosition, b: LogPosition): LogPosition {
  return compare(a, b) < 0 ? b : a;
}
