import { type Claim, claimsMax, type Holder, type HoldLimit } from '../commands/hold-limit.ts';

/** Between two looks through all holders for those that hold nothing any more, in milliseconds. */
const sweepMs = 60_000;

/** The limit in this process's memory: for one process only, and a restart counts anew. Each call is O(claims of one buyer). */
export class InProcessHoldLimit implements HoldLimit {
  readonly #heldMax: number;
  readonly #now: () => number;
  /** By holder: the claims that count, by id. */
  readonly #claims = new Map<string, Map<string, Claim>>();
  #sweptAt = 0;

  /** @param heldMax seats of one session that a user may hold at once */
  constructor(heldMax: number, now: () => number = Date.now) {
    this.#heldMax = heldMax;
    this.#now = now;
  }

  async take(holder: Holder, claim: Claim): Promise<boolean> {
    const now = this.#now();
    this.#sweep(now);
    const key = keyOf(holder);
    const claims = this.#claims.get(key) ?? new Map<string, Claim>();
    dropOver(claims, now);
    const others = [...claims.values()].filter(({ id }) => id !== claim.id);
    const claimed = [claim, ...others].flatMap(({ seatIds }) => seatIds);
    if (new Set(claimed).size > this.#heldMax || claimed.length > claimsMax) return false;
    claims.set(claim.id, claim);
    this.#claims.set(key, claims);
    return true;
  }

  async withdraw(holder: Holder, { id }: Pick<Claim, 'id'>): Promise<void> {
    this.#change(holder, (claims) => claims.delete(id));
  }

  async end(holder: Holder, seatIds: readonly string[], untilMs: number): Promise<void> {
    this.#change(holder, (claims) => {
      for (const [id, claim] of claims) {
        if (claim.untilMs !== untilMs) continue;
        const left = claim.seatIds.filter((seatId) => !seatIds.includes(seatId));
        if (left.length === 0) claims.delete(id);
        else claims.set(id, { ...claim, seatIds: left });
      }
    });
  }

  #change(holder: Holder, change: (claims: Map<string, Claim>) => void): void {
    const claims = this.#claims.get(keyOf(holder));
    if (claims === undefined) return;
    change(claims);
    if (claims.size === 0) this.#claims.delete(keyOf(holder));
  }

  #sweep(now: number): void {
    if (now - this.#sweptAt < sweepMs) return;
    this.#sweptAt = now;
    for (const [key, claims] of this.#claims) {
      dropOver(claims, now);
      if (claims.size === 0) this.#claims.delete(key);
    }
  }
}

const keyOf = ({ userId, sessionId }: Holder): string => `${sessionId} ${userId}`;

function dropOver(claims: Map<string, Claim>, now: number): void {
  for (const [id, { untilMs }] of claims) if (untilMs <= now) claims.delete(id);
}
