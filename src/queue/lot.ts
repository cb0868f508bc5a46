import { createHash } from 'node:crypto';

/**
 * Places by lot before a sale opens, as a queue knows it (docs/adr/0036-places-by-lot.md). Numbers
 * are those of places: microseconds since the epoch. Times are milliseconds since the epoch.
 */
export interface Lot {
  /** Who has this number or a higher one takes part … */
  readonly fromNumber: number;
  /** … if it is below this one. */
  readonly untilNumber: number;
  /** '' until the lot is drawn. */
  readonly seed: string;
  /** Positions are told from then on, if the lot is drawn: who is there has joined the line. */
  readonly toldAtMs: number;
  /** Nobody is admitted before, and before the lot is drawn. */
  readonly opensAtMs: number;
}

/** Hexadecimal digits of the hash that count: a double has no more whole numbers. */
const hashDigits = 13;

/**
 * Longest pause between two polls until positions are told, without its jitter, in milliseconds.
 */
export const lotPauseMs = 20_000;

/**
 * By what a place stands in the line: its number, or its rank by lot, which depends on nothing but
 * the seed and the user. Undefined while the lot is not drawn. As `rank_of` in lua/common.lua.
 */
export function rankOf(lot: Lot | null, userId: string, number: number): number | undefined {
  if (lot === null || number < lot.fromNumber || number >= lot.untilNumber) return number;
  if (lot.seed === '') return undefined;
  const hash = createHash('sha1').update(`${lot.seed} ${userId}`).digest('hex');
  const part = Number.parseInt(hash.slice(0, hashDigits), 16) / 16 ** hashDigits;
  return lot.fromNumber + Math.floor(part * (lot.untilNumber - lot.fromNumber));
}

/** Since when the queue is closed for the lot, and not open yet. */
export const isClosedFor = (lot: Lot | null, now: number): lot is Lot =>
  lot !== null && now * 1_000 >= lot.fromNumber && (lot.seed === '' || now < lot.opensAtMs);

/** Is the position of a place unknown still? Who came before the lot began stays in front. */
export const isUntold = (lot: Lot | null, number: number, now: number): boolean =>
  lot !== null && number >= lot.fromNumber && (lot.seed === '' || now < lot.toldAtMs);
