import { assertAscending } from '../core/bounds.ts';
import { requestOverMs } from '../core/deadline.ts';

/**
 * Fair use: how many seats a user may hold and buy, and when again. This is a port. The service
 * keeps the count in the same place as the waiting queue, one place for all instances. The limit
 * protects other buyers and gives nobody a seat. If its memory is lost, the count starts again.
 *
 * `take` applies the limit. For one process it is in `src/shared-state/in-process-hold-limit.ts`,
 * for several in `src/shared-state/lua/take-seats.lua`. `SeatQuota` beside this file calls it for
 * each reserve command, and `limit-refusals.ts` makes the refusal. The numbers are `HELD_SEATS_MAX`
 * and the settings beside it in `src/config/settings.ts`.
 *
 * It counts claims, one per reserve command. Several commands of one user may want the same seat at
 * the same time. A command that gets nothing withdraws only its own claim.
 */
export interface HoldLimit {
  /**
   * Counts a claim's seats until it ends, unless a rule forbids it. A seat with several claims
   * counts once. The same claim again changes nothing. It is one atomic step.
   * @param bought seats of the session that the holder has bought, if there is a rule for them
   * @returns true if the claim counts. Otherwise the rule that forbids it; then nothing changes
   * @throws QueueUnavailable
   */
  take(holder: Holder, claim: SeatClaim, bought?: readonly string[]): Promise<true | Excess>;

  /**
   * Ends a claim whose command got no seats. Seats with another claim still count.
   * @throws QueueUnavailable
   */
  withdraw(holder: Holder, claim: Pick<SeatClaim, 'id' | 'seatIds'>): Promise<void>;

  /**
   * Ends the claims of a reservation that no longer holds its seats. `untilMs` is the planned end
   * of that reservation. Claims with another end belong to another reservation and still count. A
   * hold whose time has ended needs no call, because its claims end by themselves.
   * @throws QueueUnavailable
   */
  end(holder: Holder, seatIds: readonly string[], untilMs: number, how: HowEnded): Promise<void>;
}

/** `never`: the reservation failed, and counts as if the seats were never held. */
export type HowEnded = 'paid' | 'given-back' | 'never';

/** The rules for a user. Without a rule, there is no limit of its kind. */
export interface FairUse {
  /** Seats of one session that a user may hold at once. */
  readonly heldMax: number;
  /** Seats of all sessions together that a user may hold at once. */
  readonly heldTotalMax?: number | undefined;
  /** Seats of one session that a user may have, held and bought together. */
  readonly boughtMax?: number | undefined;
  /** How long a hold lasts, in milliseconds; needed for `againMs`. */
  readonly holdMs?: number;
  /**
   * A user who held a seat for `holdMs` without paying must wait this long before holding it again,
   * in milliseconds. Holds of the seat that follow one another within this time count together. So
   * a user who gives a seat back and takes it again at once cannot hold it longer than a user who
   * lets the hold expire.
   */
  readonly againMs?: number;
}

/** Why a claim does not count. */
export interface Excess {
  /** `again`: it is too soon after the last hold of the seat. */
  readonly rule: 'session' | 'total' | 'bought' | 'again';
  /** The rule's limit: seats, or milliseconds for `again`. */
  readonly max: number;
  /**
   * The time until the claim would count if nothing else happens, in ms. Undefined if it never
   * would.
   */
  readonly retryMs: number | undefined;
  /** The seat of `again`. */
  readonly seatId?: string;
}

export interface Holder {
  readonly userId: string;
  readonly sessionId: string;
}

export interface SeatClaim {
  /** Never used before: `[A-Za-z0-9_-]`. */
  readonly id: string;
  readonly seatIds: readonly string[];
  /** The planned end of the reservation, in milliseconds since the epoch. */
  readonly untilMs: number;
}

/**
 * The largest number of one user's claims, multiplied by their seats, including recently ended
 * ones. One more is refused like one seat too many. Usually there is one per held seat, and one per
 * running request or, for some seconds, per request in doubt.
 */
export const claimsMax = 1_000;

/**
 * A paid seat counts as bought here for this long, in milliseconds. By then the read models show
 * it.
 */
export const soldKeptMs = 60_000;

/**
 * A hold that ended counts as bought for this long, in milliseconds, because its payment may still
 * be running.
 */
export const payingMs = 10_000;

assertAscending({ requestOverMs, payingMs, soldKeptMs });
