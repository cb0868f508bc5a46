/**
 * Where in the log each user's own last command is, so that users see what they did, on any
 * instance. `in-process-own-positions.ts` serves one process, `redis-own-positions.ts` all that
 * share a Redis.
 */
export interface OwnPositions {
  /**
   * The user did something that the log has at this position. Resolved, every instance knows; an
   * older position than the known one changes nothing. @throws QueueUnavailable
   */
  note(userId: string, position: bigint): Promise<void>;

  /**
   * The newest position noted for the user in the last `ownPositionMs`; undefined when there was
   * none. `unknown` when that cannot be told: then all that the log has now is to be waited for.
   * Never throws.
   */
  of(userId: string): Promise<bigint | 'unknown' | undefined>;
}

/**
 * A position is remembered for at least this long, in milliseconds: after it every read side shows
 * it or is out of order.
 */
export const ownPositionMs = 60_000;
