import {
  claimsMax,
  type Excess,
  type FairUse,
  type Holder,
  type HoldLimit,
  type HowEnded,
  payingMs,
  type SeatClaim,
} from '../commands/hold-limit/hold-limit.ts';
import { type HoldRules, holdRules, maxOf } from './hold-rules.ts';

/** The time between two searches for users whose entries no longer count, in milliseconds. */
const sweepMs = 60_000;

/**
 * One seat of a claim, or the part that is kept after the claim has ended. The form is the same as
 * in `lua/take-seats.lua`.
 */
interface Entry {
  readonly sessionId: string;
  readonly seatId: string;
  /** The claim's id; `~` for a hold that was given back, `=` for a seat that was paid. */
  readonly by: string;
  /**
   * The time when the seat's hold began, minus the duration of earlier holds that were given back.
   */
  readonly sinceMs: number;
  readonly endsMs: number;
}

const givenBack = '~';
const paid = '=';

/**
 * The limit in this process's memory, for one process only. After a restart, the count starts
 * again. Each call is O(entries of one user).
 */
export class InProcessHoldLimit implements HoldLimit {
  readonly #rules: HoldRules;
  readonly #now: () => number;
  /** By user. */
  readonly #entries = new Map<string, readonly Entry[]>();
  #sweptAt = 0;

  /**
   * @param rules a number is the limit of seats of one session that a user may hold at the same
   * time; then there is no other rule
   */
  constructor(rules: FairUse | number, now: () => number = Date.now) {
    this.#rules = holdRules(rules);
    this.#now = now;
  }

  async take(
    { userId, sessionId }: Holder,
    claim: SeatClaim,
    bought: readonly string[] = [],
  ): Promise<true | Excess> {
    const now = this.#now();
    this.#sweep(now);
    const entries = this.#kept(userId, now);
    const seen = new Seen(entries, { claim, sessionId, bought, now, rules: this.#rules });
    const excess = seen.excess();
    if (excess !== undefined) return excess;
    const { id, untilMs } = claim;
    const more = claim.seatIds.flatMap((seatId) => {
      if (seen.mine.has(seatId)) return [];
      const sinceMs = untilMs - this.#rules.holdMs - (seen.used.get(seatId) ?? 0);
      return [{ sessionId, seatId, by: id, sinceMs, endsMs: untilMs }];
    });
    this.#entries.set(userId, [...entries, ...more]);
    return true;
  }

  async withdraw(
    { userId, sessionId }: Holder,
    { id, seatIds }: Pick<SeatClaim, 'id' | 'seatIds'>,
  ): Promise<void> {
    const isIt = (entry: Entry) =>
      entry.by === id && entry.sessionId === sessionId && seatIds.includes(entry.seatId);
    this.#set(
      userId,
      this.#kept(userId, this.#now()).filter((entry) => !isIt(entry)),
    );
  }

  async end(
    { userId, sessionId }: Holder,
    seatIds: readonly string[],
    untilMs: number,
    how: HowEnded,
  ): Promise<void> {
    const { againMs, soldMs } = this.#rules;
    const now = this.#now();
    const entries = this.#kept(userId, now).flatMap((entry) => {
      if (entry.sessionId !== sessionId || !seatIds.includes(entry.seatId)) return [entry];
      if (entry.by === paid) return how === 'never' ? [entry] : [];
      if (entry.by === givenBack || entry.endsMs !== untilMs) return [entry];
      const isTold = how === 'given-back' && againMs > 0 && untilMs > now;
      return isTold ? [{ ...entry, by: givenBack, endsMs: now }] : [];
    });
    if (how === 'paid' && soldMs > 0) {
      const endsMs = now + soldMs;
      for (const seatId of seatIds) {
        entries.push({ sessionId, seatId, by: paid, sinceMs: 0, endsMs });
      }
    }
    this.#set(userId, entries);
  }

  #kept(userId: string, now: number): readonly Entry[] {
    const entries = this.#entries.get(userId) ?? [];
    return entries.filter(({ endsMs }) => endsMs > now - this.#rules.keptMs);
  }

  #set(userId: string, entries: readonly Entry[]): void {
    if (entries.length === 0) this.#entries.delete(userId);
    else this.#entries.set(userId, entries);
  }

  #sweep(now: number): void {
    if (now - this.#sweptAt < sweepMs) return;
    this.#sweptAt = now;
    for (const userId of this.#entries.keys()) this.#set(userId, this.#kept(userId, now));
  }
}

/** The entries of a user, compared with a claim. */
class Seen {
  /** Seats of the claim that count already. */
  readonly mine = new Set<string>();
  /** How long the user had a seat before, in milliseconds. */
  readonly used = new Map<string, number>();
  /** When the user may have a seat again. */
  readonly #waits = new Map<string, number>();
  readonly #bought: Set<string>;
  /**
   * The end of the last claim, by seat. Seats of this session have their id as key; other seats
   * also have the id of their session.
   */
  readonly #here = new Map<string, number>();
  readonly #elsewhere = new Map<string, number>();
  #claims: number;
  readonly #asked: Asked;

  constructor(entries: readonly Entry[], asked: Asked) {
    this.#asked = asked;
    this.#claims = asked.claim.seatIds.length;
    this.#bought = new Set(asked.rules.boughtMax >= 0 ? asked.bought : []);
    for (const entry of entries) this.#see(entry);
  }

  excess(): Excess | undefined {
    const { claim, rules, now } = this.#asked;
    if (this.#waits.size === 0 && this.#claims <= leastOf(rules)) return undefined;
    for (const seatId of claim.seatIds) {
      const at = this.#waits.get(seatId) ?? 0;
      if (at > now && !this.#here.has(seatId)) return this.#refuse('again', at, seatId);
    }
    const others = [...this.#here].filter(([seatId]) => !claim.seatIds.includes(seatId));
    const ends = others.map(([, endsMs]) => endsMs);
    const all = [...ends, ...this.#elsewhere.values()];
    const count = claim.seatIds.length;
    const tooMany = ends.length + count - rules.heldMax;
    if (tooMany > 0) return this.#refuse('session', roomAt(ends, tooMany));
    const tooManyInAll = all.length + count - rules.heldTotalMax;
    if (tooManyInAll > 0) return this.#refuse('total', roomAt(all, tooManyInAll));
    if (this.#claims > claimsMax) return this.#refuse('session', roomAt(all, 1));
    if (rules.boughtMax < 0) return undefined;
    const mayEnd = others.flatMap(([seatId, at]) => (this.#bought.has(seatId) ? [] : [at]));
    const more = claim.seatIds.filter((seatId) => !this.#bought.has(seatId)).length;
    const over = this.#bought.size + mayEnd.length + more - rules.boughtMax;
    return over > 0 ? this.#refuse('bought', roomAt(mayEnd, over)) : undefined;
  }

  #see({ sessionId, seatId, by, sinceMs, endsMs }: Entry): void {
    const { claim, now, rules } = this.#asked;
    const isHere = sessionId === this.#asked.sessionId;
    if (by === paid) {
      if (isHere && endsMs > now) this.#bought.add(seatId);
      return;
    }
    if (by === claim.id) {
      if (isHere) this.mine.add(seatId);
      return;
    }
    this.#claims += 1;
    if (endsMs > now) {
      later(
        isHere ? this.#here : this.#elsewhere,
        isHere ? seatId : `${sessionId} ${seatId}`,
        endsMs,
      );
    } else if (isHere) {
      const took = endsMs - sinceMs;
      if (took >= rules.holdMs) later(this.#waits, seatId, endsMs + rules.againMs);
      if (endsMs + rules.againMs > now) later(this.used, seatId, took);
      const maySell = by !== givenBack && endsMs + payingMs > now;
      if (maySell && rules.boughtMax >= 0) this.#bought.add(seatId);
    }
  }

  #refuse(rule: Excess['rule'], at: number | undefined, seatId?: string): Excess {
    const { rules, now } = this.#asked;
    const retryMs = at === undefined ? undefined : Math.max(1, at - now);
    return { rule, max: maxOf(rules, rule), retryMs, ...(seatId !== undefined && { seatId }) };
  }
}

/**
 * A user with at most this number of claims breaks no rule except the pause, whatever the seats
 * are.
 */
const leastOf = ({ heldMax, heldTotalMax, boughtMax }: HoldRules): number =>
  boughtMax >= 0 ? -1 : Math.min(heldMax, heldTotalMax, claimsMax);

interface Asked {
  readonly claim: SeatClaim;
  readonly sessionId: string;
  readonly bought: readonly string[];
  readonly now: number;
  readonly rules: HoldRules;
}

function later(times: Map<string, number>, name: string, ms: number): void {
  times.set(name, Math.max(times.get(name) ?? 0, ms));
}

/** The time when enough other claims have ended; undefined if this never happens. */
const roomAt = (others: readonly number[], excess: number): number | undefined =>
  [...others].sort((a, b) => a - b)[excess - 1];
