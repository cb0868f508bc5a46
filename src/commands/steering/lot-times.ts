import { lotClosesMs } from '../../events/queue-events.ts';
import type { SteeredLot } from './decider.ts';

/**
 * After the last one who takes part enrolled, the lot is drawn this much later, in milliseconds: by
 * then every clock is past that moment, and every call under way is done.
 */
const drawAfterMs = 2_000;
/**
 * So long after the draw everybody who is there has asked once more, and has joined the line with
 * the rank, in milliseconds: the step reaches an instance within 0.5 s, a pause is up to 25 s until
 * then (`lotPauseMs` in queue/lot.ts), and its poll may be a second late.
 */
const joinMs = 27_000;

/** The moments of a lot, in milliseconds since the epoch. */
export interface LotMoments {
  readonly fromMs: number;
  /** Who enrols from then on takes no part. */
  readonly closesMs: number;
  /** When it is to be drawn. */
  readonly drawMs: number;
  /** Who is there has joined the line; undefined until it is drawn. */
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
