import type { Claim } from '../../src/commands/hold-limit.ts';

/** The limit of one holder as naive as can be: a list of claims on seats, looked through each time. */
export class HoldLimitModel {
  readonly #heldMax: number;
  #claims: { readonly id: string; readonly seatId: string; readonly untilMs: number }[] = [];

  constructor(heldMax: number) {
    this.#heldMax = heldMax;
  }

  take({ id, seatIds, untilMs }: Claim, now: number): boolean {
    this.#claims = this.#claims.filter((claim) => claim.untilMs > now);
    const claims = this.#claims.filter((claim) => claim.id !== id);
    const taken = [...claims, ...seatIds.map((seatId) => ({ id, seatId, untilMs }))];
    if (new Set(taken.map(({ seatId }) => seatId)).size > this.#heldMax) return false;
    this.#claims = taken;
    return true;
  }

  withdraw(id: string): void {
    this.#claims = this.#claims.filter((claim) => claim.id !== id);
  }

  end(seatIds: readonly string[], untilMs: number): void {
    this.#claims = this.#claims.filter(
      (claim) => claim.untilMs !== untilMs || !seatIds.includes(claim.seatId),
    );
  }
}
