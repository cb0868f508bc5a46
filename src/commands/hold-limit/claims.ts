import { randomUUID } from 'node:crypto';
import { UnreadableEvent } from '../../events/codec.ts';
import { EventStoreUnavailable } from '../core/event-store.ts';
import type { Result } from '../core/result.ts';
import type { Booking } from '../sales/booking.ts';
import type { SingleSeats } from '../seat/seat-bookings.ts';
import { excessive } from './fair-use.ts';
import type { Claim, Excess, Holder, HoldLimit, HowEnded } from './hold-limit.ts';

/** Claims in doubt that are remembered, about 300 bytes each; those of further requests count until their hold would end. */
const doubtsMax = 10_000;

/** A claim of a request that ended without an outcome: its seats may be held or not. */
export interface Doubt {
  readonly holder: Holder;
  readonly claim: Claim;
  /** When the request began, in milliseconds since the epoch. */
  readonly sinceMs: number;
}

export interface ClaimsParts {
  readonly limit: HoldLimit;
  /** Seats of the session that a user has bought, all sales of before the call among them; undefined: no rule asks. */
  readonly bought?: ((holder: Holder) => Promise<readonly string[]>) | undefined;
  readonly seats: Pick<SingleSeats, 'current'>;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** Told of claims that could not be let go of: they count until their hold would end. */
  readonly onLeftOver: (what: string, error: unknown) => void;
}

/** Counts the seats of reserve commands against the limit of held seats, and lets go of what came to nothing. */
export class Claims {
  readonly #parts: ClaimsParts;
  readonly #doubts = new Map<string, Doubt>();

  constructor(parts: ClaimsParts) {
    this.#parts = parts;
  }

  /**
   * Reserves under a claim on the seats, unless the holder would have too many. `reserve` calls `begun` once something of
   * a reservation in several steps is in the log.
   */
  async reserve(
    holder: Holder,
    { seatIds, untilMs, nowMs }: Omit<Claim, 'id'> & { readonly nowMs: number },
    reserve: (begun: () => void) => Promise<Result<Booking>>,
  ): Promise<Result<Booking>> {
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
      if (!result.ok || result.value.expiresAtMs !== untilMs) await this.#withdraw(holder, claim);
      return result;
    } catch (error) {
      if (!hasBegun && wroteNothing(error)) await this.#withdraw(holder, claim);
      else this.#doubt({ holder, claim, sinceMs: nowMs });
      throw error;
    }
  }

  /** The reservation's seats no longer count as held. */
  end(booking: Booking, how: HowEnded): Promise<void> {
    const { seatIds, expiresAtMs } = booking;
    return this.#uncount(() => this.#parts.limit.end(booking, seatIds, expiresAtMs, how));
  }

  /** Claims of requests that began by `sinceMs` and ended without an outcome, the longest ago first. */
  async inDoubt(sinceMs: number, limit: number, offset = 0): Promise<readonly Doubt[]> {
    const found: Doubt[] = [];
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
   * Lets go of a claim that came to nothing, by what the log says. To be asked once nothing can come of its request any more.
   * @returns whether it is settled @throws whatever the limit throws
   */
  async settle({ holder, claim }: Doubt): Promise<boolean> {
    try {
      if (!(await this.#holdsAny(holder, claim))) await this.#parts.limit.withdraw(holder, claim);
    } catch (error) {
      if (error instanceof EventStoreUnavailable) return false;
      if (!(error instanceof UnreadableEvent)) throw error;
    }
    this.#doubts.delete(claim.id);
    return true;
  }

  async #holdsAny({ userId, sessionId }: Holder, { seatIds, untilMs }: Claim) {
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
    claim: Claim,
    bought: readonly string[] | undefined,
  ): Promise<true | Excess> {
    try {
      return await this.#parts.limit.take(holder, claim, bought);
    } catch (error) {
      // It may count all the same: only the answer did not come. Beside the answer, which is late already.
      void this.#withdraw(holder, claim);
      throw error;
    }
  }

  #doubt(doubt: Doubt): void {
    if (this.#doubts.size < doubtsMax) this.#doubts.set(doubt.claim.id, doubt);
  }

  #withdraw(holder: Holder, claim: Claim): Promise<void> {
    return this.#uncount(() => this.#parts.limit.withdraw(holder, claim));
  }

  /** What is answered is certain already: seats that cannot be uncounted now count until their hold would end. */
  #uncount(change: () => Promise<void>): Promise<void> {
    return change().catch((error) => this.#parts.onLeftOver('count held seats', error));
  }
}

/** A seat whose stream cannot be read was not decided on. */
const wroteNothing = (error: unknown): boolean =>
  error instanceof UnreadableEvent ||
  (error instanceof EventStoreUnavailable && error.wroteNothing);
