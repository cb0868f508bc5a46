/** The largest number of places of each kind that one call ends. It bounds the work of a call. */
export const endsMax = 64;

/** Width of the windows over which admissions are counted, in milliseconds. */
export const rateWindowMs = 60_000;

/**
 * A user who polls later than expected is still present if the delay is at most this long, in
 * milliseconds. It is at most the pause.
 */
const lateMax = 1_000;
/**
 * The same for a user who was asked to poll when a place becomes free. It is short, because an
 * absent user must not delay the place.
 */
const soonLateMax = 300;

/**
 * Shortest pause, in milliseconds. It is the pause of users near the front while a place is already
 * free.
 */
const soonPauseMs = 200;
/** Users poll within this time after their place becomes free, in milliseconds. */
const soonSpreadMs = 150;
/** Users who replace absent users in front poll this much later, in milliseconds. */
const reserveMs = 250;
/**
 * If at most this share of the users in front is absent, enough users behind them poll to replace
 * them.
 */
const goneShare = 0.3;
const reserveMin = 2;
/** If at most this many places become free together, users take them within a second. */
const soonPlacesMax = 700;

/**
 * The queue knows the end of a place this long before, in milliseconds. It is the shortest time to
 * claim. A setting may make it shorter, see `noticeMsOf`.
 */
const noticeMsMax = 5_000;
/**
 * With a shorter notice, the next users pause for `soonPauseMs`. The next users are as many as
 * there are places, at least `nextMin` and at most `nextMax`. If more users will be admitted in the
 * next two seconds, they are the next users.
 */
const nextMin = 5;
const nextMax = 40;
/** Shortest pause of all others, in milliseconds, unless a place becomes free earlier. */
const pauseMinMs = 1_000;
/**
 * The number of first users in line who poll every second. If more users will be admitted in the
 * next two seconds, it is their number. A user who is n times as far back pauses for n seconds.
 */
const nearMin = 30;
/**
 * A pause is longer by a random share up to this one. So users who came together do not poll
 * together again. Large shares are more frequent than small ones, which saves polls.
 */
const jitter = 0.25;
/**
 * Longest pause of the users near the front, without its jitter, in milliseconds. So each of them
 * polls at least once after the queue knows the end of a place. With a shorter notice, they would
 * poll too often. Then only the position counts.
 */
const invitedPauseMs = (noticeMsMax - lateMax) / (1 + jitter);

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

/** The position of a waiting user, and the facts that the queue knows about the places. */
export interface Turn {
  /** From 1. */
  readonly position: number;
  readonly perSecond: number;
  /** The limit of admitted users. */
  readonly places: number;
  readonly noticeMs: number;
  readonly pauseMaxMs: number;
  /** From 0 to 1. */
  readonly chance: number;
  /**
   * The milliseconds until the nth place from now becomes free. 0 or less: it is free. Infinity:
   * the queue does not know. @param nth from 1
   */
  readonly freeInMs: (nth: number) => number;
}

/** The pause until the next poll, and the time after which a late user is absent, in ms. */
export interface Pause {
  readonly pauseMs: number;
  readonly lateMs: number;
}

/** The queue knows the end of each place at least this long before, in milliseconds. */
export const noticeMsOf = (settings: {
  readonly afterPaymentMs: number;
  readonly claimMs: number;
}): number => Math.min(noticeMsMax, settings.afterPaymentMs, settings.claimMs);

/**
 * When a user polls again. This is the earliest of three moments. First: a place for this user
 * becomes free. Second: a place for users in front becomes free; some of them may be absent. Third:
 * the pause of the position ends. So a user takes a free place soon, with few polls: on average,
 * 10,000 waiting users make less than 600 polls per second. See docs/adr/0057-when-to-poll.md.
 */
export function pauseOf(turn: Turn): Pause {
  const { position, chance } = turn;
  const pause = longPause(pauseByPosition(turn), chance);
  if (isNear(turn)) {
    const invitedMs = turn.freeInMs(placeToCome(position));
    const inReserveMs = invitedMs > 0 ? invitedMs + reserveMs : 0;
    const freeMs = Math.max(soonPauseMs, Math.min(turn.freeInMs(position), inReserveMs));
    const soonMs = Math.floor(freeMs + soonSpreadMs * chance);
    if (soonMs < pause.pauseMs) return { pauseMs: soonMs, lateMs: Math.min(soonLateMax, soonMs) };
  }
  return pause;
}

/** A user at this position polls for this place from now, in case users in front are absent. */
const placeToCome = (position: number): number =>
  Math.max(1, Math.ceil(position * (1 - goneShare)) - reserveMin);

/** Is the position one of those for which places become free now, or the next time? */
const isNear = ({ position, places }: Turn): boolean =>
  placeToCome(position) <= Math.min(2 * places, soonPlacesMax);

function pauseByPosition(turn: Turn): number {
  const { position, perSecond, places, noticeMs, pauseMaxMs } = turn;
  const isShort = noticeMs < noticeMsMax;
  const next = Math.max(nextMin, Math.min(nextMax, places), 2 * perSecond);
  if (isShort && position <= next) return soonPauseMs;
  const near = Math.max(nearMin, 2 * perSecond);
  const pauseMs = Math.max(pauseMinMs, Math.min(pauseMaxMs, (position / near) * 1_000));
  return isShort || !isNear(turn) ? pauseMs : Math.min(pauseMs, invitedPauseMs);
}

/** The pause of a user for whom no place is due soon, with its jitter. @param chance from 0 to 1 */
export function longPause(baseMs: number, chance: number): Pause {
  const pauseMs = Math.floor(baseMs * (1 + jitter * Math.sqrt(chance)));
  return { pauseMs, lateMs: Math.min(lateMax, pauseMs) };
}

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

/** The tickets at `now`. New tickets come evenly. At most the tickets of one second are kept. */
export function ticketsAt({ left, at }: Tickets, perMinute: number, now: number): Tickets {
  const keptMax = Math.max(1, perMinute / 60);
  const more = (Math.max(0, now - at) * perMinute) / 60_000;
  return { left: Math.min(keptMax, left + more), at: now };
}

/**
 * The constants that the scripts of the queue in Redis use as `pace`. These scripts apply the same
 * rules.
 */
export const paceOfScripts = {
  ...{ endsMax, rateWindowMs, lateMax, soonLateMax, soonPauseMs, soonSpreadMs, reserveMs },
  ...{ goneShare, reserveMin, soonPlacesMax, nextMin, nextMax, pauseMinMs, nearMin },
  ...{ jitter, noticeMsMax, invitedPauseMs, claimMinMs, claimUpMs, claimDownMs },
};
