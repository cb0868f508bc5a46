/** Places ended of each kind in one call: what bounds its work. */
export const endsMax = 64;

/** Width of the windows over which admissions are counted, in milliseconds. */
export const rateWindowMs = 60_000;

/**
 * Who asks this much later than told is still there, in milliseconds: networks take their time. At
 * most as much as the pause: who is next and has gone must not hold a free place up.
 */
const lateMax = 1_000;

/**
 * The pause of those who are next, in milliseconds: as many of the line as there are places, since
 * all of them may come free at once, up to `nextMax`; or those who will be admitted in the next two
 * seconds when these are more. A free place then has waited for under a second when it is taken,
 * also when the first in line has just gone: two pauses and the lateness.
 */
const nextPauseMs = 200;
const nextMin = 5;
const nextMax = 40;
/** Shortest pause of all others, in milliseconds. */
const pauseMinMs = 1_000;
/**
 * So many of the line would ask every second, or those who will be admitted in the next two seconds
 * when these are more: who is so many times as far back pauses as many seconds.
 */
const nearMin = 30;
/**
 * A pause is up to this much longer, by chance: those who came together do not come together again.
 * More often by much than by little, which saves polls.
 */
const jitter = 0.25;

/**
 * How many of the line were admitted since a moment: in the window of time numbered `window` (`now
 * / rateWindowMs`, rounded down) and the one before it. Two counters make a rate that slides, at a
 * constant price.
 */
export interface Admissions {
  readonly window: number;
  readonly current: number;
  readonly previous: number;
  /** When the line began to be, in milliseconds since the epoch. */
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
 * Admissions a second lately: of this window and the one before, or since the line began. 0: nobody
 * was.
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
 * When to ask again, in milliseconds: a fifth of a second for those who are next, 1 s at least for
 * those behind them, longer in proportion to those in front, and `pauseMaxMs` (to a quarter more)
 * far behind. 10,000 who wait ask 560 times a second with 30 places, 590 with 40 or more, at most.
 * @param position from 1 @param places the limit of admitted users @param chance from 0 to 1
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

/** When to ask again, in milliseconds, for who is not told a position yet. @param chance 0 to 1 */
export const longPauseMs = (base: number, chance: number): number =>
  Math.floor(base * (1 + jitter * Math.sqrt(chance)));

/** How late who was told to pause may ask and is still there, in milliseconds. */
export const lateMs = (pause: number): number => Math.min(lateMax, pause);

/** Least time to claim an admission, in milliseconds, where the setting is not shorter. */
const claimMinMs = 5_000;
/** By so much the time to claim is longer after somebody was late, and shorter after another. */
const claimUpMs = 2_000;
const claimDownMs = 100;

/**
 * The time to claim an admission after somebody came to claim one: it follows how long users take.
 * Twice what 95 of 100 take is enough, so the few who take longer, and stand in front again, are
 * one in twenty; at least 5 s, at most the setting. So who never comes costs a place little.
 * @param current the time so far @param delayMs from the admission until the user came, also when
 *   the admission had passed to the next by then
 */
export function claimMsAfter(current: number, delayMs: number, claimMsMax: number): number {
  const next = delayMs > current / 2 ? current + claimUpMs : current - claimDownMs;
  return Math.min(claimMsMax, Math.max(claimMinMs, next));
}

/** Admissions that a limit per minute has left, at a moment in milliseconds since the epoch. */
export interface Tickets {
  readonly left: number;
  readonly at: number;
}

/** The tickets at `now`: they come back evenly, a second's worth at most is kept. */
export function ticketsAt({ left, at }: Tickets, perMinute: number, now: number): Tickets {
  const keptMax = Math.max(1, perMinute / 60);
  const more = (Math.max(0, now - at) * perMinute) / 60_000;
  return { left: Math.min(keptMax, left + more), at: now };
}

/** What the scripts of the queue in Redis work with, where they do the same. */
export const paceOfScripts = {
  ...{ endsMax, rateWindowMs, lateMax, pauseMinMs, nearMin, nextPauseMs, nextMin },
  ...{ nextMax, jitter, claimMinMs, claimUpMs, claimDownMs },
};
