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

/** What the buyers of one service saw of it. Times are milliseconds since the epoch. */
interface Seen {
  lastPurchaseMs: number;
  longestMs: number;
  inARow: number;
  wellMs: number | undefined;
}

/** Every answer that the buyers of a drill got. */
export class AnswerBook {
  readonly #pieces = new Map<number, Piece>();
  readonly #services: readonly Seen[];
  #faultMs = Number.POSITIVE_INFINITY;
  #overMs = Number.POSITIVE_INFINITY;
  #slowestMs = 0;

  /** @param services each has buyers of its own */
  constructor(services = 1) {
    this.#services = Array.from({ length: services }, () => ({
      ...{ lastPurchaseMs: Number.POSITIVE_INFINITY, longestMs: 0, inARow: 0, wellMs: undefined },
    }));
  }

  readonly see = (answer: BuyerAnswer): void => {
    const { call, service, isGood, status, atMs, tookMs } = answer;
    const endMs = atMs + tookMs;
    const piece = this.#pieceAt(atMs);
    const seen = this.#services[service] as Seen;
    const isPurchase = call === 'reserve' || call === 'pay';
    piece.total += 1;
    if (isPurchase) piece.purchases.total += 1;
    if (!isGood) {
      const kind = kindOf(answer);
      piece.failed += 1;
      piece.byCode[kind] = (piece.byCode[kind] ?? 0) + 1;
      if (isPurchase) piece.purchases.failed += 1;
    }
    if (endMs >= this.#faultMs) this.#slowestMs = Math.max(this.#slowestMs, tookMs);
    if (!isGood) {
      seen.inARow = 0;
      seen.wellMs = undefined;
    } else if (call === 'pay' && status === 200) this.#paid(seen, endMs);
  };

  #paid(seen: Seen, atMs: number): void {
    if (atMs >= this.#faultMs) {
      seen.longestMs = Math.max(seen.longestMs, atMs - seen.lastPurchaseMs);
    }
    seen.lastPurchaseMs = atMs;
    if (atMs < this.#overMs) return;
    seen.inARow += 1;
    if (seen.inARow >= wellPayments) seen.wellMs ??= atMs;
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
    for (const seen of this.#services) {
      seen.lastPurchaseMs = Math.min(seen.lastPurchaseMs, this.#faultMs);
    }
  }

  /** The fault is over now. From here on, payments show whether buyers can pay again. */
  over(): void {
    this.#overMs = Date.now();
    for (const seen of this.#services) {
      seen.inARow = 0;
      seen.wellMs = undefined;
    }
  }

  /**
   * The time since when buyers of each service can pay again after the fault, in milliseconds since
   * the epoch.
   */
  get wellMs(): number | undefined {
    const all = this.#services.map(({ wellMs }) => wellMs);
    return all.every((ms) => ms !== undefined) ? Math.max(...all) : undefined;
  }

  /** The longest time from the fault on in which no buyer of a service could pay, in seconds. */
  get longestWithoutSuccess(): number {
    return Math.max(...this.#services.map(({ longestMs }) => longestMs)) / 1_000;
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

/**
 * The code of a 503, which an outage explains; what else is not a good answer has its status, too:
 * no outage explains it.
 */
function kindOf({ status, code }: BuyerAnswer): string {
  if (status === undefined) return 'no-answer';
  if (status === 503) return code ?? '503';
  return code === undefined ? String(status) : `${status} ${code}`;
}
