import { InvalidArgumentError } from 'commander';
import type { LotTimes, SteeredLot } from '../commands/steering/decider.ts';
import { lotMoments } from '../commands/steering/lot-times.ts';
import { wholeNumber } from './whole-number.ts';

/**
 * The shortest time between the step and the first user who takes part. After this time, every
 * instance has read the step.
 */
const noticeMs = 10_000;
/** Times of a lot, in minutes: a rebuilt queue knows who enrolled within the last 12 hours. */
const minutesMin = 2;
const minutesMax = 360;
export const minutesDefault = 30;

/** Reads the value of `--minutes`. */
export function lotMinutes(text: string): number {
  const minutes = wholeNumber(3)(text);
  if (minutes >= minutesMin && minutes <= minutesMax) return minutes;
  throw new InvalidArgumentError(`Give a whole number from ${minutesMin} to ${minutesMax}.`);
}

/**
 * The lot for users who enrol in the minutes before the sale opens.
 * @throws Error with a message for people: it would begin before every instance knows of it
 */
export function lotBefore(opensAtMs: number, minutes: number, nowMs: number): LotTimes {
  const fromMs = opensAtMs - 60_000 * minutes;
  if (fromMs < nowMs + noticeMs) {
    const earliest = new Date(nowMs + noticeMs + 60_000 * minutes).toISOString();
    throw new Error(
      `the lot would begin at ${new Date(fromMs).toISOString()}, which is in the past or too soon: give ` +
        `fewer --minutes, or an opening at ${earliest} or later`,
    );
  }
  return { from: new Date(fromMs).toISOString(), opensAt: new Date(opensAtMs).toISOString() };
}

/**
 * A lot that is drawn stays until the sale has opened: a second draw would be a second chance.
 * @throws Error with a message for people
 */
export function mustNotBeDrawn(lot: SteeredLot | null, nowMs: number): void {
  if (lot === null || lot.seed === null || nowMs >= lotMoments(lot).opensMs) return;
  throw new Error(
    `the lot is drawn, and is valid until the sale opens at ${lot.opensAt}. To open later, use ` +
      '`reprise queue pause` and `reprise queue resume`',
  );
}

export function lotInWords({ from, opensAt, seed, drawnAt }: SteeredLot): string {
  const drawn = seed === null ? 'not drawn yet' : `drawn ${drawnAt} with seed ${seed}`;
  return `places by lot from ${from}, the sale opens at ${opensAt}, ${drawn}`;
}
