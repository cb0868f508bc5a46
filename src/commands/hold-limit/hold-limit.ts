import { assertAscending } from '../core/bounds.ts';
import { requestOverMs } from '../core/deadline.ts';

/**
 * Fair use: how many seats a user may hold and buy, and how soon again. A port. The service keeps
 * it where the waiting queue is: in one place for all instances. It protects other buyers and
 * grants nothing: when its memory is lost, it starts to count again.
 *
 * The limit is applied by `take`: `src/shared-state/in-process-hold-limit.ts` in one process,
 * `src/shared-state/lua/take-seats.lua` for several. `SeatQuota` beside this file calls it for each
 * reserve command, and `limit-refusals.ts` makes the refusal. The figures are `HELD_SEATS_MAX` and
 * its neighbours in `src/config/settings.ts`.
 *
 * It counts claims, one per reserve command: several commands of one user may want the same seat at
 * the same time, and a command that gets nothing withdraws its own claim alone.
 */
export interface HoldLimit {
  /**
   * Counts a claim's seats until it ends, unless a rule forbids it. A seat counts once, however
   * many claims are on it; the same claim again changes nothing. One atomic step.
   * @param bought seats of the session that the holder has bought, where there is a rule for them
   * @returns true when it counts; else the rule that forbids it, and everything stays as it was
   * @throws QueueUnavailable
   */
  take(holder: Holder, claim: SeatClaim, bought?: readonly string[]): Promise<true | Excess>;

  /** The claim came to nothing. Seats with another claim still count. @throws QueueUnavailable */
  withdraw(holder: Holder, claim: Pick<SeatClaim, 'id' | 'seatIds'>): Promise<void>;

  /**
   * The reservation of these seats that would end at `untilMs` no longer holds them. Claims on them
   * with another end belong to another reservation and still count. A hold whose time ended needs
   * no call: it lapses.
   * @throws QueueUnavailable
   */
  end(holder: Holder, seatIds: readonly string[], untilMs: number, how: HowEnded): Promise<void>;
}

/** `never`: the reservation came to nothing, as if the seats had not been held. */
export type HowEnded = 'paid' | 'given-back' | 'never';

/** What a user may do. Without a rule there is no limit of its kind. */
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
   * A user who held a seat for `holdMs` without paying waits so long before holding it again, in
   * milliseconds. Holds of the seat that follow one another within this time count together: a user
   * who gives a seat back and takes it again at once has it no longer than one who lets it lapse.
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
   * When the claim would count if nothing else happens, in ms from now; undefined: it never would.
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
  /** When the reservation would end, in milliseconds since the epoch. */
  readonly untilMs: number;
}

/**
 * Claims of one user, times their seats, that may count at the same time, including those that
 * ended lately; one more is refused like a seat too many. Usually there is one per held seat, and
 * one per request that is under way or, for some seconds, in doubt.
 */
export const claimsMax = 1_000;

/**
 * A paid seat counts as bought here for so long, until the read models show it. In milliseconds.
 */
export const soldKeptMs = 60_000;

/**
 * A hold that ended counts as bought for so long: its payment may be under way. In milliseconds.
 */
export const payingMs = 10_000;

assertAscending({ requestOverMs, payingMs, soldKeptMs });
