import type { QueueMove } from './move.ts';

/**
 * The order of moves in the same millisecond: moves that make room come before moves that need it.
 */
const ranks: Readonly<Record<QueueMove[0], number>> = {
  ...{ away: 0, back: 0, unclaimed: 0, left: 0, ended: 0 },
  cleared: 1,
  enrolled: 2,
  admitted: 3,
};

/**
 * A move may come into the log this much later than a move of another instance, in milliseconds. A
 * batch is collected for 150 ms, and its append may be repeated.
 */
const lateMsMax = 30_000;
/** The largest number of moves that wait for others, about 150 bytes each. */
const waitingMax = 200_000;

interface Waiting {
  readonly move: QueueMove;
  /** The start of the user's absence, if this move ends an absence. */
  readonly awayMs: number | undefined;
}

/**
 * Sorts moves by their times, because instances write them in batches, one after another. An
 * absence is reported together with the move that ends it, and stays with this move.
 */
export class InOrder {
  readonly #see: (move: QueueMove, awayMs: number | undefined) => void;
  readonly #away = new Map<string, number>();
  #waiting: Waiting[] = [];
  #newestMs = 0;
  #oldestMs = Number.POSITIVE_INFINITY;

  constructor(see: (move: QueueMove, awayMs: number | undefined) => void) {
    this.#see = see;
  }

  /** The time of the newest move. */
  get newestMs(): number {
    return this.#newestMs;
  }

  add(move: QueueMove): void {
    const [kind, userId, , atMs] = move;
    if (kind === 'away') {
      this.#away.set(userId, atMs);
      return;
    }
    this.#waiting.push({ move, awayMs: this.#away.get(userId) });
    this.#away.delete(userId);
    this.#newestMs = Math.max(this.#newestMs, atMs);
    this.#oldestMs = Math.min(this.#oldestMs, atMs);
    const isLong = this.#newestMs - this.#oldestMs > 2 * lateMsMax;
    if (isLong || this.#waiting.length > waitingMax) this.#release(this.#newestMs - lateMsMax);
  }

  end(): void {
    this.#release(Number.POSITIVE_INFINITY);
  }

  #release(untilMs: number): void {
    const waiting = this.#waiting.sort(
      ({ move: one }, { move: other }) =>
        one[3] - other[3] || ranks[one[0]] - ranks[other[0]] || inLine(one) - inLine(other),
    );
    let count = waiting.findIndex(({ move: [, , , atMs] }) => atMs > untilMs);
    if (count < 0) count = waiting.length;
    // If there are too many at once, release the older half, too.
    if (waiting.length - count > waitingMax / 2) count = waiting.length >> 1;
    this.#waiting = waiting.slice(count);
    this.#oldestMs = this.#waiting[0]?.move[3] ?? Number.POSITIVE_INFINITY;
    for (const { move, awayMs } of waiting.slice(0, count)) this.#see(move, awayMs);
  }
}

/**
 * Enrolments and admissions of the same millisecond are in the order of their numbers. Ends keep
 * their order.
 */
const inLine = ([kind, , number]: QueueMove): number =>
  kind === 'enrolled' || kind === 'admitted' ? number : 0;
