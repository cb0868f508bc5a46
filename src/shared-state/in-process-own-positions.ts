import type { OwnPositions } from './own-positions.ts';

/**
 * The number of users whose position is remembered. The user whose last command is oldest is
 * forgotten first. About 150 bytes each.
 */
const usersMax = 100_000;

/** Own positions in this process's memory: for one process only. */
export class InProcessOwnPositions implements OwnPositions {
  readonly #byUser = new Map<string, bigint>();
  readonly #since: bigint | undefined;
  readonly #usersMax: number;

  /**
   * @param since the log's end when the process started. The last command of any user may be there
   */
  constructor(since: bigint | null = null, max: number = usersMax) {
    this.#since = since ?? undefined;
    this.#usersMax = max;
  }

  async note(userId: string, position: bigint): Promise<void> {
    const known = this.#byUser.get(userId);
    this.#byUser.delete(userId);
    this.#byUser.set(userId, known !== undefined && known > position ? known : position);
    if (this.#byUser.size <= this.#usersMax) return;
    const oldest = this.#byUser.keys().next();
    if (!oldest.done) this.#byUser.delete(oldest.value);
  }

  async of(userId: string): Promise<bigint | undefined> {
    return this.#byUser.get(userId) ?? this.#since;
  }
}
