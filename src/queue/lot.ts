import { createHash } from 'node:crypto';

/**
 * Places by lot before a sale opens, in the form of a queue (docs/adr/0036-places-by-lot.md).
 * Numbers are numbers of places, in microseconds since the epoch. Times are milliseconds since the
 * epoch.
 */
export interface Lot {
  /** A user with this number or a higher one takes part … */
  readonly fromNumber: number;
  /** … if it is below this one. */
  readonly untilNumber: number;
  /** '' until the lot is drawn. */
  readonly seed: string;
  /**
   * From then on, the queue shows positions if the lot is drawn. All present users have joined the
   * line by then.
   */
  readonly toldAtMs: number;
  /** Nobody is admitted before this time, and nobody before the lot is drawn. */
  readonly opensAtMs: number;
}

/**
 * The number of hexadecimal digits of the hash that count. More digits do not fit into a double
 * exactly.
 */
const hashDigits = 13;

/**
 * Longest pause between two polls before positions are shown, without its jitter, in milliseconds.
 */
export const lotPauseMs = 20_000;

/**
 * The rank by which a place is in the line. This is its number, or its rank by lot, which depends
 * only on the seed and the user. Undefined while the lot is not drawn. The same as `rank_of` in
 * lua/common.lua.
 */
export function rankOf(lot: Lot | null, userId: string, number: number): number | undefined {
  if (lot === null || number < lot.fromNumber || number >= lot.untilNumber) return number;
  if (lot.seed === '') return undefined;
  const hash = createHash('sha1').update(`${lot.seed} ${userId}`).digest('hex');
  const part = Number.parseInt(hash.slice(0, hashDigits), 16) / 16 ** hashDigits;
  return lot.fromNumber + Math.floor(part * (lot.untilNumber - lot.fromNumber));
}

/** Is the queue closed because of a lot? */
export const isClosedFor = (lot: Lot | null, now: number): lot is Lot =>
  lot !== null && now * 1_000 >= lot.fromNumber && (lot.seed === '' || now < lot.opensAtMs);

/**
 * Is the position of a place still unknown? A user who came before the lot began stays in front and
 * has a known position.
 */
export const isUntold = (lot: Lot | null, number: number, now: number): boolean =>
  lot !== null && number >= lot.fromNumber && (lot.seed === '' || now < lot.toldAtMs);
