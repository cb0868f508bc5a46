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
 * Claims in doubt that are remembered, about 300 bytes each. Those of further requests count until
 * their hold would end.
 */
const doubtsMax = 10_000;

/** A claim of a request that ended without an outcome: its seats may be held or not. */
export interface ClaimInDoubt {
  readonly holder: Holder;
  readonly claim: SeatClaim;
  /** When the request began, in milliseconds since the epoch. */
  readonly sinceMs: number;
}

export interface SeatQuotaParts {
  readonly limit: HoldLimit;
  /**
   * Seats of the session that a user has bought, with all sales from before the call; undefined: no
   * rule asks.
   */
  readonly bought?: ((holder: Holder) => Promise<readonly string[]>) | undefined;
  readonly seats: Pick<SeatBookings, 'current'>;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** Called for claims that could not be withdrawn: they count until their hold would end. */
  readonly onLeftOver: (what: string, error: unknown) => void;
}

/**
 * How many seats a buyer holds, against the limit: a claim per reserve command, withdrawn when the
 * command came to nothing.
 */
export class SeatQuota {
  readonly #parts: SeatQuotaParts;
  readonly #doubts = new Map<string, ClaimInDoubt>();

  constructor(parts: SeatQuotaParts) {
    this.#parts = parts;
  }

  /**
   * Reserves under a claim on the seats, unless the holder would have too many. `reserve` calls
   * `begun` once something of a reservation in several steps is in the log.
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
      // A hold that was there before has a claim of its own.
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
   * The reservation's seats no longer count as held. Nothing to do for one that is held, or lapsed.
   */
  async end(booking: Booking): Promise<void> {
    const how = howEnded(booking.status);
    if (how === undefined) return;
    const { seatIds, expiresAtMs } = booking;
    await this.#uncount(() => this.#parts.limit.end(booking, seatIds, expiresAtMs, how));
  }

  /** Claims of requests that began by `sinceMs` and ended without an outcome, the oldest first. */
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
   * Withdraws a claim that came to nothing, by what the log says. To be called once nothing can
   * come of its request any longer.
   * @returns whether it is settled
   * @throws what the limit throws
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
      // The claim may count all the same: only the answer did not come. The request, which is late
      // already, does not wait for the withdrawal.
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
   * The answer is certain already: seats that cannot be uncounted count until their hold would end.
   */
  #uncount(change: () => Promise<void>): Promise<void> {
    return change().catch((error) => this.#parts.onLeftOver('count held seats', error));
  }
}

/** A seat whose stream cannot be read was not decided on. */
const wroteNothing = (error: unknown): boolean =>
  error instanceof UnreadableEvent ||
  (error instanceof EventStoreUnavailable && error.wroteNothing);

/**
 * What a reservation's end is to fair use; undefined while it is held, or lapsed: the limit knows.
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
