/** The largest number of places of each kind that one call ends. It bounds the work of a call. */
export const endsMax = 64;

/** Width of the windows over which admissions are counted, in milliseconds. */
export const rateWindowMs = 60_000;

/**
 * A user who polls this much late is still present, in milliseconds, because networks are slow. It
 * is at most as long as the pause. So a next user who has gone does not hold up a free place.
 */
const lateMax = 1_000;

/**
 * The pause of the next users, in milliseconds. The next users are as many as there are places, up
 * to `nextMax`, because all places may become free at once. If more users will be admitted in the
 * next two seconds, they are the next users. So a user takes a free place within a second. This is
 * also true if the first in line has just gone: two pauses and the allowed lateness are less than a
 * second.
 */
const nextPauseMs = 200;
const nextMin = 5;
const nextMax = 40;
/** Shortest pause of all others, in milliseconds. */
const pauseMinMs = 1_000;
/**
 * The first users in line who poll every second: so many, or as many as will be admitted in the
 * next two seconds, if these are more. A user who is n times as far back pauses for n seconds.
 */
const nearMin = 30;
/**
 * A pause is longer by a random share up to this one. So users who came together do not poll
 * together again. Large shares are more frequent than small ones, which saves polls.
 */
const jitter = 0.25;

/**
 * Counts users of the line that were admitted: in the window of time with the number `window` (`now
 * / rateWindowMs`, rounded down), and in the window before it. Two counters give a sliding rate at
 * a constant cost.
 */
export interface Admissions {
  readonly window: number;
  readonly current: number;
  readonly previous: number;
  /** The time when the line began, in milliseconds since the epoch. */
  readonly since: number;
}

/** The counters after one more admission at `now`. */
export function countAdmission(counted: Admissions, now: number): Admissions {
  const window = Math.floor(now / rateWindowMs);
  if (window === counted.window) return { ...counted, current: counted.current + 1 };
  const previous = counted.window === window - 1 ? counted.current : 0;
  return { window, current: 1, previous, since: counted.since };
}

/**
 * Admissions per second in this window and the one before, or since the line began. 0 if nobody was
 * admitted.
 */
export function admissionsPerSecond(counted: Admissions, now: number): number {
  const window = Math.floor(now / rateWindowMs);
  const { current, previous, since } = counted;
  let count = 0;
  if (window === counted.window) count = previous + current;
  else if (window === counted.window + 1) count = current;
  const begin = Math.max(since, (window - 1) * rateWindowMs);
  return (count * 1_000) / Math.max(1_000, now - begin);
}

/**
 * The pause until the next poll, in milliseconds. It is a fifth of a second for the next users, and
 * at least 1 s for users behind them. It grows in proportion to the number of users in front, up to
 * `pauseMaxMs` (plus up to a quarter). 10,000 waiting users poll at most 560 times per second with
 * 30 places, and 590 times with 40 or more.
 * @param position from 1
 * @param places the limit of admitted users
 * @param chance from 0 to 1
 */
export function pauseMs(
  position: number,
  perSecond: number,
  {
    places,
    pauseMaxMs,
    chance,
  }: { readonly places: number; readonly pauseMaxMs: number; readonly chance: number },
): number {
  const near = Math.max(nearMin, 2 * perSecond);
  const next = Math.max(nextMin, Math.min(nextMax, places), 2 * perSecond);
  const base =
    position <= next
      ? nextPauseMs
      : Math.max(pauseMinMs, Math.min(pauseMaxMs, (position / near) * 1_000));
  return Math.floor(base * (1 + jitter * Math.sqrt(chance)));
}

/**
 * The pause until the next poll, in milliseconds, for a user without a position.
 * @param chance 0 to 1
 */
export const longPauseMs = (base: number, chance: number): number =>
  Math.floor(base * (1 + jitter * Math.sqrt(chance)));

/** How late a user may poll after this pause and still be present, in milliseconds. */
export const lateMs = (pause: number): number => Math.min(lateMax, pause);

/** Shortest time to claim an admission, in milliseconds, unless the setting is shorter. */
const claimMinMs = 5_000;
/** The time to claim becomes this much longer after a late user. */
const claimUpMs = 2_000;
const claimDownMs = 100;

/**
 * The time to claim an admission, after a user came to claim one. It follows the time that users
 * need, and becomes about twice the time of 95 of 100 users. So one in twenty users is too late and
 * is in front again. It is at least 5 s and at most the setting. So a user who never comes blocks a
 * place only for a short time.
 * @param current the time so far
 * @param delayMs the time from the admission until the user came, even if the next user had got the
 * admission by then
 */
export function claimMsAfter(current: number, delayMs: number, claimMsMax: number): number {
  const next = delayMs > current / 2 ? current + claimUpMs : current - claimDownMs;
  return Math.min(claimMsMax, Math.max(claimMinMs, next));
}

/**
 * The admissions that a limit per minute still allows, at a moment in milliseconds since the epoch.
 */
export interface Tickets {
  readonly left: number;
  readonly at: number;
}

/** The tickets at `now`. They come back evenly. At most the tickets of one second are kept. */
export function ticketsAt({ left, at }: Tickets, perMinute: number, now: number): Tickets {
  const keptMax = Math.max(1, perMinute / 60);
  const more = (Math.max(0, now - at) * perMinute) / 60_000;
  return { left: Math.min(keptMax, left + more), at: now };
}

/** The numbers that the scripts of the queue in Redis use, too. */
export const paceOfScripts = {
  ...{ endsMax, rateWindowMs, lateMax, pauseMinMs, nearMin, nextPauseMs, nextMin },
  ...{ nextMax, jitter, claimMinMs, claimUpMs, claimDownMs },
};
