import { lotClosesMs } from '../../events/queue-events.ts';
import type { SteeredLot } from './decider.ts';

/**
 * The lot is drawn this long after the enrolment for the lot has ended, in milliseconds. Then every
 * clock is past that moment, and every running call has ended.
 */
const drawAfterMs = 2_000;
/**
 * This long after the draw, every present user has polled once more and has joined the line at the
 * rank, in milliseconds. The step reaches an instance within 0.5 s. A pause before that is at most
 * 25 s (`lotPauseMs` in queue/lot.ts), and its poll may be a second late.
 */
const joinMs = 27_000;

/** The moments of a lot, in milliseconds since the epoch. */
export interface LotMoments {
  readonly fromMs: number;
  /** Users who enrol from this time on take no part. */
  readonly closesMs: number;
  /** When it is to be drawn. */
  readonly drawMs: number;
  /** All present users have joined the line by this time; undefined until the lot is drawn. */
  readonly joinedMs: number | undefined;
  /** The time when the sale opens. It is later than planned if the lot was drawn too late. */
  readonly opensMs: number;
}

export function lotMoments({ from, opensAt, drawnAt }: SteeredLot): LotMoments {
  const closesMs = Date.parse(opensAt) - lotClosesMs;
  const joinedMs = drawnAt === null ? undefined : Date.parse(drawnAt) + joinMs;
  return {
    fromMs: Date.parse(from),
    closesMs,
    drawMs: closesMs + drawAfterMs,
    joinedMs,
    opensMs: Math.max(Date.parse(opensAt), joinedMs ?? 0),
  };
}
