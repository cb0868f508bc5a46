import {
  type Excess,
  type FairUse,
  type HowEnded,
  payingMs,
  type SeatClaim,
  soldKeptMs,
} from '../../../src/commands/hold-limit/hold-limit.ts';

/** A seat that was held once: for ever, looked through each time. */
interface Held {
  readonly id: string;
  readonly sessionId: string;
  readonly seatId: string;
  readonly sinceMs: number;
  readonly untilMs: number;
  readonly isBack?: true;
}

/** The rules of one user as naive as can be: all that ever happened, in lists. */
export class HoldLimitModel {
  readonly #rules: FairUse;
  #held: Held[] = [];
  #sold: { readonly sessionId: string; readonly seatId: string; readonly untilMs: number }[] = [];

  constructor(rules: FairUse) {
    this.#rules = rules;
  }

  take(
    sessionId: string,
    { id, seatIds, untilMs }: SeatClaim,
    bought: readonly string[],
    now: number,
  ): true | Excess['rule'] {
    const { heldMax, heldTotalMax = 1_000, boughtMax, holdMs = 0, againMs = 0 } = this.#rules;
    const others = this.#held.filter((one) => one.id !== id);
    const live = others.filter((one) => one.untilMs > now);
    const here = live.filter((one) => one.sessionId === sessionId);
    const before = (seatId: string) =>
      others.filter(
        (one) =>
          one.sessionId === sessionId &&
          one.seatId === seatId &&
          one.untilMs <= now &&
          one.untilMs + againMs > now,
      );
    const isHere = (seatId: string) => here.some((one) => one.seatId === seatId);
    const hadLong = (one: Held) => one.untilMs - one.sinceMs >= holdMs;
    if (seatIds.some((seatId) => !isHere(seatId) && before(seatId).some(hadLong))) return 'again';
    const names = (list: readonly Held[]) => list.map((one) => `${one.sessionId} ${one.seatId}`);
    const wanted = seatIds.map((seatId) => `${sessionId} ${seatId}`);
    if (new Set([...names(here), ...wanted]).size > heldMax) return 'session';
    if (new Set([...names(live), ...wanted]).size > heldTotalMax) return 'total';
    if (boughtMax !== undefined) {
      const sold = this.#sold.filter((one) => one.sessionId === sessionId && one.untilMs > now);
      const paying = others.filter(
        (one) =>
          one.sessionId === sessionId &&
          !one.isBack &&
          one.untilMs <= now &&
          one.untilMs + payingMs > now,
      );
      const all = [...here, ...sold, ...paying].map(({ seatId }) => seatId);
      if (new Set([...all, ...bought, ...seatIds]).size > boughtMax) return 'bought';
    }
    for (const seatId of seatIds) {
      if (this.#held.some((one) => one.id === id && one.seatId === seatId)) continue;
      const used = Math.max(0, ...before(seatId).map((one) => one.untilMs - one.sinceMs));
      this.#held.push({ id, sessionId, seatId, sinceMs: untilMs - holdMs - used, untilMs });
    }
    return true;
  }

  withdraw(id: string): void {
    this.#held = this.#held.filter((one) => one.id !== id);
  }

  end(
    sessionId: string,
    seatIds: readonly string[],
    untilMs: number,
    how: HowEnded,
    now: number,
  ): void {
    const isIt = (one: { sessionId: string; seatId: string }) =>
      one.sessionId === sessionId && seatIds.includes(one.seatId);
    this.#held = this.#held.flatMap((one) => {
      if (!isIt(one) || one.isBack || one.untilMs !== untilMs) return [one];
      const isTold = how === 'given-back' && untilMs > now;
      return isTold ? [{ ...one, id: '~', untilMs: now, isBack: true as const }] : [];
    });
    if (how !== 'never') this.#sold = this.#sold.filter((one) => !isIt(one));
    if (how !== 'paid') return;
    for (const seatId of seatIds) {
      this.#sold.push({ sessionId, seatId, untilMs: now + soldKeptMs });
    }
  }
}
