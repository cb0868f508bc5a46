import { randomUUID } from 'node:crypto';
import { UnreadableEvent } from '../../events/codec.ts';
import { EventStoreUnavailable } from '../core/event-store.ts';
import type { Result } from '../core/result.ts';
import type { Booking, BookingStatus } from '../sales/booking.ts';
import type { Reservation } from '../sales/roles.ts';
import type { SeatBookings } from '../seat/seat-bookings.ts';
import type { Excess, Holder, HoldLimit, HowEnded, SeatClaim } from './hold-limit.ts';
import { excessive } from './limit-refusals.ts';

/**
 * The largest number of remembered claims in doubt, about 300 bytes each. Further claims count
 * until the planned end of their hold.
 */
const doubtsMax = 10_000;

/**
 * A claim of a request that ended without a known result. It is unknown whether its seats are held.
 */
export interface ClaimInDoubt {
  readonly holder: Holder;
  readonly claim: SeatClaim;
  /** When the request began, in milliseconds since the epoch. */
  readonly sinceMs: number;
}

export interface SeatQuotaParts {
  readonly limit: HoldLimit;
  /**
   * Seats of the session that a user has bought, including all sales before the call. Undefined if
   * no rule needs them.
   */
  readonly bought?: ((holder: Holder) => Promise<readonly string[]>) | undefined;
  readonly seats: Pick<SeatBookings, 'current'>;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /**
   * Called for claims that could not be withdrawn. They count until the planned end of their hold.
   */
  readonly onLeftOver: (what: string, error: unknown) => void;
}

/**
 * Counts a buyer's held seats against the limit. Each reserve command makes a claim, and withdraws
 * it if it gets no seats.
 */
export class SeatQuota {
  readonly #parts: SeatQuotaParts;
  readonly #doubts = new Map<string, ClaimInDoubt>();

  constructor(parts: SeatQuotaParts) {
    this.#parts = parts;
  }

  /**
   * Claims the seats and then calls `reserve`, unless the holder would have too many seats. If a
   * reservation has several steps, `reserve` calls `begun` when the log has its first event.
   */
  async reserve(
    holder: Holder,
    { seatIds, untilMs, nowMs }: Omit<SeatClaim, 'id'> & { readonly nowMs: number },
    reserve: (begun: () => void) => Promise<Result<Reservation>>,
  ): Promise<Result<Reservation>> {
    const claim = { id: randomUUID(), seatIds, untilMs };
    const bought = await this.#parts.bought?.(holder);
    const counts = await this.#take(holder, claim, bought);
    if (counts !== true) return excessive(counts);
    let hasBegun = false;
    const begun = () => {
      hasBegun = true;
    };
    try {
      const result = await reserve(begun);
      // An earlier hold has its own claim.
      const isNew = result.ok && Date.parse(result.value.expiresAt) === untilMs;
      if (!isNew) await this.#withdraw(holder, claim);
      return result;
    } catch (error) {
      if (!hasBegun && wroteNothing(error)) await this.#withdraw(holder, claim);
      else this.#doubt({ holder, claim, sinceMs: nowMs });
      throw error;
    }
  }

  /**
   * Ends the count of a reservation's seats. Does nothing if the reservation is still held or has
   * expired.
   */
  async end(booking: Booking): Promise<void> {
    const how = howEnded(booking.status);
    if (how === undefined) return;
    const { seatIds, expiresAtMs } = booking;
    await this.#uncount(() => this.#parts.limit.end(booking, seatIds, expiresAtMs, how));
  }

  /**
   * Claims of requests that began before or at `sinceMs` and ended without a known result, oldest
   * first.
   */
  async inDoubt(sinceMs: number, limit: number, offset = 0): Promise<readonly ClaimInDoubt[]> {
    const found: ClaimInDoubt[] = [];
    let passed = 0;
    for (const doubt of this.#doubts.values()) {
      if (doubt.claim.untilMs <= this.#parts.now()) this.#doubts.delete(doubt.claim.id);
      else if (doubt.sinceMs <= sinceMs && found.length < limit) {
        if (passed === offset) found.push(doubt);
        else passed += 1;
      }
    }
    return found;
  }

  /**
   * Withdraws a claim if the log shows that its command got no seats. Call it only when its request
   * can no longer have an effect.
   * @returns whether it is settled
   * @throws the errors of the limit
   */
  async settle({ holder, claim }: ClaimInDoubt): Promise<boolean> {
    try {
      if (!(await this.#holdsAny(holder, claim))) await this.#parts.limit.withdraw(holder, claim);
    } catch (error) {
      if (error instanceof EventStoreUnavailable) return false;
      if (!(error instanceof UnreadableEvent)) throw error;
    }
    this.#doubts.delete(claim.id);
    return true;
  }

  async #holdsAny({ userId, sessionId }: Holder, { seatIds, untilMs }: SeatClaim) {
    for (const seatId of seatIds) {
      const seat = await this.#parts.seats.current(sessionId, seatId);
      if (seat.status === 'held' && seat.userId === userId && seat.expiresAtMs === untilMs) {
        return true;
      }
    }
    return false;
  }

  async #take(
    holder: Holder,
    claim: SeatClaim,
    bought: readonly string[] | undefined,
  ): Promise<true | Excess> {
    try {
      return await this.#parts.limit.take(holder, claim, bought);
    } catch (error) {
      // Only the answer is missing, so the claim may count. The request is already late, so it does
      // not wait for the withdrawal.
      void this.#withdraw(holder, claim);
      throw error;
    }
  }

  #doubt(doubt: ClaimInDoubt): void {
    if (this.#doubts.size < doubtsMax) this.#doubts.set(doubt.claim.id, doubt);
  }

  #withdraw(holder: Holder, claim: SeatClaim): Promise<void> {
    return this.#uncount(() => this.#parts.limit.withdraw(holder, claim));
  }

  /**
   * The answer is already certain. If the withdrawal fails, the seats count until the planned end
   * of their hold.
   */
  #uncount(change: () => Promise<void>): Promise<void> {
    return change().catch((error) => this.#parts.onLeftOver('count held seats', error));
  }
}

/** If a seat's stream cannot be read, nothing was decided and nothing was written. */
const wroteNothing = (error: unknown): boolean =>
  error instanceof UnreadableEvent ||
  (error instanceof EventStoreUnavailable && error.wroteNothing);

/**
 * The end of a reservation in terms of fair use. Undefined while it is held, and after it has
 * expired, because the limit knows that time.
 */
function howEnded(status: BookingStatus): HowEnded | undefined {
  switch (status) {
    case 'sold':
      return 'paid';
    case 'cancelled':
    case 'refunded':
      return 'given-back';
    case 'not-all':
      return 'never';
    case 'held':
    case 'expired':
      return undefined;
  }
}
