import type { Place, QueueSettings } from './waiting-queue.ts';

/** Places ended of each kind, and fronts looked at, in one poll: what bounds its work. */
export const endsMax = 64;

/** Width of the window over which admissions are counted, in milliseconds. */
export const rateWindowMs = 30_000;

/** Shortest and longest time between two polls that a waiting user is told, in milliseconds. */
const retryMsMin = 1_000;
const retryMsMax = 10_000;

/**
 * Admissions in the window of time numbered `window` (`now / rateWindowMs`, rounded down) and in the
 * one before it. Two counters make a rate that slides, at a constant price.
 */
export interface Admissions {
  readonly window: number;
  readonly current: number;
  readonly previous: number;
}

/** The counters after `count` more admissions at `now`. */
export function countAdmissions(counted: Admissions, now: number, count: number): Admissions {
  const window = Math.floor(now / rateWindowMs);
  if (window === counted.window) return { ...counted, current: counted.current + count };
  const previous = counted.window === window - 1 ? counted.current : 0;
  return { window, current: count, previous };
}

/** Admissions a second lately; the window before counts for the share of it that is still in view. */
function admissionsPerSecond(counted: Admissions, now: number): number {
  const window = Math.floor(now / rateWindowMs);
  let { current, previous } = counted;
  if (window === counted.window + 1) [current, previous] = [0, current];
  else if (window !== counted.window) [current, previous] = [0, 0];
  const inView = 1 - (now % rateWindowMs) / rateWindowMs;
  return ((previous * inView + current) * 1_000) / rateWindowMs;
}

/** The place of a waiting user, for whom `ahead` others wait in front. */
export function waitingPlace(
  settings: QueueSettings,
  standing: { userId: string; token: string; ahead: number; expiresAt: number; now: number },
  counted: Admissions,
): Place {
  const { userId, token, ahead, expiresAt } = standing;
  const position = ahead + 1;
  const rate = admissionsPerSecond(counted, standing.now);
  const housefuls = Math.ceil(position / settings.admittedMax);
  // Nobody was admitted lately: as if every admitted place lasted its full time.
  const seconds = rate > 0 ? position / rate : (housefuls * settings.admittedMs) / 1_000;
  // A second for each houseful in front; never so long that the place would end between two polls.
  const retryMsCap = Math.min(retryMsMax, settings.waitingMs / 2);
  return {
    userId,
    processing: false,
    token,
    ahead,
    position,
    estimatedWaitSeconds: Math.ceil(seconds),
    retryAfterMs: Math.floor(Math.max(retryMsMin, Math.min(retryMsCap, housefuls * 1_000))),
    expiresAt,
  };
}

/** When an admitted place ends that was admitted or authorized at `usedAt` and is polled now. */
export const polledUntil = (
  { admittedMs, polledMs }: QueueSettings,
  usedAt: number,
  now: number,
): number => Math.min(now + admittedMs, usedAt + polledMs);

/** The place of an admitted user. */
export function admittedPlace(userId: string, token: string, expiresAt: number): Place {
  return {
    userId,
    processing: true,
    token,
    ahead: 0,
    position: 0,
    estimatedWaitSeconds: 0,
    retryAfterMs: 0,
    expiresAt,
  };
}
