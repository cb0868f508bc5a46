import { createHash } from 'node:crypto';
import type { EventData } from '../events/events.ts';
import { lotClosesMs } from '../events/queue-events.ts';

/** A lot of a room, by the log. Times are milliseconds since the epoch. */
export interface Lot {
  readonly fromMs: number;
  /** Users who enrolled from `fromMs` until this time took part. */
  readonly closesMs: number;
  readonly opensMs: number;
  /** Undefined while it is not drawn. */
  seed: string | undefined;
  drawnMs: number | undefined;
  /** Enrolments that took part. */
  tookPart: number;
}

/** The lots of a room, in the order of the log. */
export class Lots {
  readonly #lots: Lot[] = [];

  /** @returns the lot of a step, which may be the lot of the step before */
  of(times: EventData['QueueSteered']['lot']): Lot | undefined {
    if (times === null) return undefined;
    const [fromMs, opensMs] = [Date.parse(times.from), Date.parse(times.opensAt)];
    const known = this.#find(fromMs, opensMs);
    if (known !== undefined) return known;
    const closesMs = opensMs - lotClosesMs;
    const lot = { fromMs, closesMs, opensMs, seed: undefined, drawnMs: undefined, tookPart: 0 };
    this.#lots.push(lot);
    return lot;
  }

  /**
   * Accepts a draw, if it is the first of its lot.
   * @param atMs its time in the log
   * @returns the fault, if any
   */
  draw({ from, opensAt, seed, at }: EventData['QueueDrawn'], atMs: number): string | undefined {
    const lot = this.#find(Date.parse(from), Date.parse(opensAt));
    if (lot === undefined) return `no operator set the lot from ${from} to ${opensAt}`;
    if (lot.seed !== undefined) return `the lot before ${opensAt} was already drawn`;
    [lot.seed, lot.drawnMs] = [seed, Date.parse(at)];
    if (atMs >= lot.closesMs) return undefined;
    return `the lot before ${opensAt} was drawn while users could still enrol with ids of their choice`;
  }

  /** The lot in which a place takes part. */
  ofNumber(number: number): Lot | undefined {
    const within = ({ fromMs, closesMs }: Lot) =>
      number >= fromMs * 1_000 && number < closesMs * 1_000;
    return this.#lots.findLast(within);
  }

  /** The rank of a place in the line: its number, or its rank by lot. */
  rankOf(userId: string, number: number): number {
    const lot = this.ofNumber(number);
    if (lot?.seed === undefined) return number;
    const hash = createHash('sha1').update(`${lot.seed} ${userId}`).digest('hex');
    const width = BigInt((lot.closesMs - lot.fromMs) * 1_000);
    return lot.fromMs * 1_000 + Number((BigInt(`0x${hash.slice(0, 13)}`) * width) >> 52n);
  }

  all(): readonly Lot[] {
    return this.#lots;
  }

  #find(fromMs: number, opensMs: number): Lot | undefined {
    return this.#lots.find((lot) => lot.fromMs === fromMs && lot.opensMs === opensMs);
  }
}

/** Was the queue closed at a moment, because the sale was not open or the lot was not drawn? */
export const isClosedBy = (lot: Lot | undefined, atMs: number): lot is Lot =>
  lot !== undefined &&
  atMs >= lot.fromMs &&
  (atMs < lot.opensMs || lot.drawnMs === undefined || atMs < lot.drawnMs);
