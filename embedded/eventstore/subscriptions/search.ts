import { compare, type LogPosition, placeOf } from '../log/position.ts';

/**
 * The server version whose checkpoints are sent where the catch-up ends (README.md shows the
 * difference).
 */
export type CheckpointManner = '24.10.4' | '25.0';

export const checkpointManners: readonly CheckpointManner[] = ['24.10.4', '25.0'];
export const defaultCheckpoints: CheckpointManner = '24.10.4';

/** The largest number of events that one page delivers. */
const pageMatchesMax = 32;

export interface SearchOptions {
  readonly manner: CheckpointManner;
  /** The largest number of events that one page examines. */
  readonly window: number;
  /** The number of examined events between two checkpoints. */
  readonly checkpointInterval: number;
}

/**
 * A filtered subscription to `$all` reads history in the same pages as a real server, because the
 * checkpoints depend on where pages begin and end.
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
   * Notes an examined event. Returns the checkpoint that is due now.
   * @param end the end of the event in the log, where the next event begins
   * @param sent the place of the event or checkpoint that was sent last
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
