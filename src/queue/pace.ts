/** Places ended of each kind in one call: what bounds its work. */
export const endsMax = 64;

/** Width of the windows over which admissions are counted, in milliseconds. */
export const rateWindowMs = 60_000;

/** Who asks this much later than told is still there, in milliseconds: networks take their time. */
export const lateMs = 1_000;

/** Shortest pause between two polls, in milliseconds: whoever is next asks that often. */
const pauseMinMs = 1_000;
/**
 * So many of the line ask every second, or those who will be admitted in the next two seconds when
 * these are more.
 */
const nearMin = 30;
/**
 * A pause is up to this much longer, by chance: those who came together do not come together again.
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
 * When to ask again, in milliseconds: 1 to 1.25 s for those who are next, longer in proportion to
 * those in front, and `pauseMaxMs` (to a quarter more) far behind. With 30 places 10,000 who wait
 * ask 515 times a second.
 * @param position from 1 @param chance from 0 to 1
 */
export function pauseMs(
  position: number,
  perSecond: number,
  { pauseMaxMs, chance }: { readonly pauseMaxMs: number; readonly chance: number },
): number {
  const near = Math.max(nearMin, 2 * perSecond);
  const base = Math.max(pauseMinMs, Math.min(pauseMaxMs, (position / near) * 1_000));
  return Math.floor(base * (1 + jitter * chance));
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
export const paceOfScripts = { endsMax, rateWindowMs, lateMs, pauseMinMs, nearMin, jitter };
