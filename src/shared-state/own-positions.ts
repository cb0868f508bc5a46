/**
 * The log position of each user's last command. With it, users see the effect of their commands on
 * any instance. `in-process-own-positions.ts` serves one process, `redis-own-positions.ts` all that
 * share a Redis.
 */
export interface OwnPositions {
  /**
   * Notes the position of a user's command. When it resolves, every instance knows the position. An
   * older position than the known one changes nothing.
   * @throws QueueUnavailable
   */
  note(userId: string, position: bigint): Promise<void>;

  /**
   * The newest position noted for the user in the last `ownPositionMs`; undefined when there was
   * none. `unknown` if the position cannot be found. Then the caller must wait for all current
   * events of the log. Never throws.
   */
  of(userId: string): Promise<bigint | 'unknown' | undefined>;
}

/**
 * A position is remembered for at least this long, in milliseconds. After this time, every working
 * read side shows it.
 */
export const ownPositionMs = 60_000;
