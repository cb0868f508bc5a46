/**
 * How many seats of a session a user may hold at once. A port: the service has it where the waiting queue is, one
 * place for all instances. It protects other buyers and grants nothing: emptied, it counts anew.
 *
 * What is counted are claims, one a reserve command: several of one user's commands may want the same seat at the same
 * time, and of one that gets nothing no more than its own claim may go.
 */
export interface HoldLimit {
  /**
   * Counts a claim's seats until it ends, unless the holder would have more than the limit. A seat counts once, however
   * many claims are on it; the same claim again changes nothing. One atomic step.
   * @returns whether it counts; false leaves everything as it was @throws QueueUnavailable
   */
  take(holder: Holder, claim: Claim): Promise<boolean>;

  /** The claim came to nothing; the seats that another claim is on still count. @throws QueueUnavailable */
  withdraw(holder: Holder, claim: Pick<Claim, 'id' | 'seatIds'>): Promise<void>;

  /**
   * The reservation of these seats that was to end at `untilMs` holds them no longer: paid or cancelled. Claims on them with
   * another end are another reservation's and still count. @throws QueueUnavailable
   */
  end(holder: Holder, seatIds: readonly string[], untilMs: number): Promise<void>;
}

export interface Holder {
  readonly userId: string;
  readonly sessionId: string;
}

export interface Claim {
  /** Never used before: `[A-Za-z0-9_-]`. */
  readonly id: string;
  readonly seatIds: readonly string[];
  /** When the reservation would end, in milliseconds since the epoch. */
  readonly untilMs: number;
}

/**
 * Claims of one holder, times their seats, that may count at the same time; one more is refused like a seat too many.
 * Ordinarily there is one a seat held and one a request under way or, for some seconds, without an outcome.
 */
export const claimsMax = 1_000;
