import type { RequestSample } from '../incidents/request-facts.ts';
import type { BuyerAnswer } from './buyers.ts';

/** Answers are added up in pieces of this length, in milliseconds. */
const pieceMs = 1_000;
/** After so many payments in a row without a failure, buyers can pay again. */
const wellPayments = 3;

interface Piece {
  total: number;
  failed: number;
  readonly purchases: { total: number; failed: number };
  readonly byCode: Record<string, number>;
}

/** Every answer that the buyers of a drill got. */
export class AnswerBook {
  readonly #pieces = new Map<number, Piece>();
  #faultMs = Number.POSITIVE_INFINITY;
  #overMs = Number.POSITIVE_INFINITY;
  #lastPurchaseMs = Number.POSITIVE_INFINITY;
  #longestMs = 0;
  #slowestMs = 0;
  #inARow = 0;
  #wellMs: number | undefined;

  readonly see = (answer: BuyerAnswer): void => {
    const { call, isGood, status, code, atMs, tookMs } = answer;
    const endMs = atMs + tookMs;
    const piece = this.#pieceAt(atMs);
    const isPurchase = call === 'reserve' || call === 'pay';
    piece.total += 1;
    if (isPurchase) piece.purchases.total += 1;
    if (!isGood) {
      const kind = status === undefined ? 'no-answer' : (code ?? String(status));
      piece.failed += 1;
      piece.byCode[kind] = (piece.byCode[kind] ?? 0) + 1;
      if (isPurchase) piece.purchases.failed += 1;
    }
    if (endMs >= this.#faultMs) this.#slowestMs = Math.max(this.#slowestMs, tookMs);
    if (!isGood) {
      this.#inARow = 0;
      this.#wellMs = undefined;
    } else if (call === 'pay' && status === 200) this.#paid(endMs);
  };

  #paid(atMs: number): void {
    if (this.#wasFault(atMs))
      this.#longestMs = Math.max(this.#longestMs, atMs - this.#lastPurchaseMs);
    this.#lastPurchaseMs = atMs;
    if (atMs < this.#overMs) return;
    this.#inARow += 1;
    if (this.#inARow >= wellPayments) this.#wellMs ??= atMs;
  }

  #wasFault(atMs: number): boolean {
    return atMs >= this.#faultMs;
  }

  #pieceAt(atMs: number): Piece {
    const at = Math.floor(atMs / pieceMs) * pieceMs;
    const piece = this.#pieces.get(at) ?? {
      ...{ total: 0, failed: 0, purchases: { total: 0, failed: 0 }, byCode: {} },
    };
    this.#pieces.set(at, piece);
    return piece;
  }

  /** The fault begins now. */
  fault(): void {
    this.#faultMs = Date.now();
    this.#lastPurchaseMs = Math.min(this.#lastPurchaseMs, this.#faultMs);
  }

  /** The fault is over now. From here on, payments show whether buyers can pay again. */
  over(): void {
    this.#overMs = Date.now();
    this.#inARow = 0;
    this.#wellMs = undefined;
  }

  /** The time since when buyers can pay again after the fault, in milliseconds since the epoch. */
  get wellMs(): number | undefined {
    return this.#wellMs;
  }

  /** The longest time from the fault on in which no buyer could pay, in seconds. */
  get longestWithoutSuccess(): number {
    return this.#longestMs / 1_000;
  }

  /** The slowest answer from the fault on, in seconds. */
  get slowestSeconds(): number {
    return this.#slowestMs / 1_000;
  }

  get samples(): RequestSample[] {
    return [...this.#pieces].map(([fromMs, piece]) => ({
      ...piece,
      ...{ fromMs, untilMs: fromMs + pieceMs },
    }));
  }
}
