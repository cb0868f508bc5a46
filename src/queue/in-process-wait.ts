import type { InProcessSteering } from './in-process-steering.ts';
import { isUntold, lotPauseMs } from './lot.ts';
import { type Admissions, admissionsPerSecond, lateMs, longPauseMs, pauseMs } from './pace.ts';

/**
 * The entry of a waiting user: the place, the rate, and the time of the next poll.
 * @param ahead null: the place is not in the line yet
 */
export function waitOf(
  number: number,
  ahead: number | null,
  at: {
    readonly steering: InProcessSteering;
    readonly admissions: Admissions;
    readonly pauseMaxMs: number;
    /** From 0 to 1. */
    readonly chance: number;
    readonly now: number;
  },
) {
  const { steering, admissions, pauseMaxMs, chance, now } = at;
  const { lot, limits } = steering;
  // Admissions before the sale say nothing about the sale.
  const openedAt = lot !== null && lot.opensAtMs <= now ? lot.opensAtMs : 0;
  const counted = { ...admissions, since: Math.max(admissions.since, openedAt) };
  const perSecond = admissionsPerSecond(counted, now);
  const told = isUntold(lot, number, now) ? null : ahead;
  const retryAfterMs =
    told === null
      ? longPauseMs(Math.min(lotPauseMs, pauseMaxMs), chance)
      : pauseMs(told + 1, perSecond, { places: limits.places, pauseMaxMs, chance });
  return {
    dueAt: now + retryAfterMs + lateMs(retryAfterMs),
    standing: {
      ...{ ahead: told, perSecond, retryAfterMs },
      ...{ isPaused: limits.isPaused, opensAt: steering.opensAt(now) },
    },
  };
}
