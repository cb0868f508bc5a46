import { assertAscending } from '../core/bounds.ts';
import { requestOverMs } from '../core/deadline.ts';

/**
 * Fair use: how many seats a user may hold and buy, and how soon again. A port: the service has it where the waiting queue
 * is, one place for all instances. It protects other buyers and grants nothing: emptied, it counts anew.
 *
 * What is counted are claims, one a reserve command: several of one user's commands may want the same seat at the same
 * time, and of one that gets nothing no more than its own claim may go.
 */
export interface HoldLimit {
  /**
   * Counts a claim's seats until it ends, unless a rule is against it. A seat counts once, however many claims are on it; the
   * same claim again changes nothing. One atomic step.
   * @param bought seats of the session that the holder has bought by now, where there is a rule for them
   * @returns true when it counts; else which rule is against it, and everything is as it was @throws QueueUnavailable
   */
  take(holder: Holder, claim: SeatClaim, bought?: readonly string[]): Promise<true | Excess>;

  /** The claim came to nothing; the seats that another claim is on still count. @throws QueueUnavailable */
  withdraw(holder: Holder, claim: Pick<SeatClaim, 'id' | 'seatIds'>): Promise<void>;

  /**
   * The reservation of these seats that was to end at `untilMs` holds them no longer. Claims on them with another end are
   * another reservation's and still count. A hold whose time ended needs no call: it lapses. @throws QueueUnavailable
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
   * A user who had a seat on hold for `holdMs` without paying it waits so long before holding it again, in milliseconds.
   * Holds of it that were given back before count together with those that follow within this time: who gives a seat back
   * and takes it at once has it no longer than who lets it lapse.
   */
  readonly againMs?: number;
}

/** Why a claim does not count. */
export interface Excess {
  /** `again`: it is too soon after the last hold of the seat. */
  readonly rule: 'session' | 'total' | 'bought' | 'again';
  /** The rule's limit: seats, or milliseconds for `again`. */
  readonly max: number;
  /** When it would count, if nothing else happens, in milliseconds from now; undefined: not by waiting. */
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
 * Claims of one user, times their seats, that may count at the same time, with those of lately; one more is refused like a
 * seat too many. Ordinarily there is one a seat held and one a request under way or, for some seconds, without an outcome.
 */
export const claimsMax = 1_000;

/**
 * What was paid counts as bought for so long after it, here, until the read models show it; and so does, for the shorter
 * time, a hold that ended, whose payment may be under way. In milliseconds.
 */
export const soldKeptMs = 60_000;
export const payingMs = 10_000;

assertAscending({ requestOverMs, payingMs, soldKeptMs });
