import type { EndsInOrder } from './ends-in-order.ts';
import type { InProcessSteering } from './in-process-steering.ts';
import { isUntold, lotPauseMs } from './lot.ts';
import {
  type Admissions,
  admissionsPerSecond,
  longPause,
  noticeMsOf,
  type Pause,
  pauseOf,
} from './pace.ts';
import type { Place } from './place.ts';
import { type QueueEntry, waitingEntry } from './queue-entry.ts';
import type { QueueSettings } from './waiting-queue.ts';

/** Everything that the answer to a waiting user depends on, except the place. */
interface Moment {
  readonly steering: InProcessSteering;
  readonly admissions: Admissions;
  readonly settings: Pick<QueueSettings, 'pauseMaxMs' | 'waitingMs' | 'afterPaymentMs' | 'claimMs'>;
  readonly inside: EndsInOrder;
  /** From 0 to 1. */
  readonly chance: number;
  readonly now: number;
}

/** The pause of a user who gets no position yet. */
const unplacedPause = (pauseMaxMs: number, chance: number): Pause =>
  longPause(Math.min(lotPauseMs, pauseMaxMs), chance);

const pauseAt = (
  position: number,
  perSecond: number,
  { steering, settings, inside, chance, now }: Moment,
): Pause =>
  pauseOf({
    position,
    perSecond,
    places: steering.limits.places,
    noticeMs: noticeMsOf(settings),
    pauseMaxMs: settings.pauseMaxMs,
    chance,
    freeInMs(nth) {
      return steering.freeInMs(nth, inside, now);
    },
  });

/**
 * The entry of a waiting user, and the time of the next poll. Each poll asks for it, so it copies
 * no object.
 * @param ahead null: the place is not in the line yet
 */
export function waitOf(
  { userId, number }: Place,
  token: string,
  ahead: number | null,
  at: Moment,
): { readonly dueAt: number; readonly entry: QueueEntry } {
  const { steering, admissions, settings, chance, now } = at;
  const { lot } = steering;
  // Admissions before the sale say nothing about the sale.
  const openedAt = lot !== null && lot.opensAtMs <= now ? lot.opensAtMs : 0;
  const counted = openedAt > admissions.since ? { ...admissions, since: openedAt } : admissions;
  const perSecond = admissionsPerSecond(counted, now);
  const told = isUntold(lot, number, now) ? null : ahead;
  const { pauseMs, lateMs } =
    told === null ? unplacedPause(settings.pauseMaxMs, chance) : pauseAt(told + 1, perSecond, at);
  const dueAt = now + pauseMs + lateMs;
  const entry = waitingEntry({
    userId,
    token,
    ahead: told,
    perSecond,
    retryAfterMs: pauseMs,
    expiresAt: dueAt + settings.waitingMs,
    isPaused: steering.limits.isPaused,
    opensAt: steering.opensAt(now),
  });
  return { dueAt, entry };
}
