import { decodeAs, type RecordedEvent, UnreadableEvent } from '../events/codec.ts';
import type { EventData, SeatEvent } from '../events/events.ts';
import { isMark, Skips } from '../events/skipped.ts';
import { endings } from './words.ts';

/** The number of newest holds that are kept of a seat's history. About 300 bytes each. */
const holdsKeptMax = 10_000;

/** A time during which a user had a seat. Times are milliseconds since the epoch. */
export interface Hold {
  readonly reservationId: string;
  readonly userId: string;
  readonly fromMs: number;
  /** The time until which it could be paid. */
  readonly payableUntilMs: number;
  soldMs: number | undefined;
  /** Its end: how and when; undefined if it has not ended. */
  ended:
    | { readonly atMs: number; readonly reason: EventData['SeatReleased']['reason'] }
    | undefined;
}

export interface SeatHolds {
  /** The holds, in their order. */
  readonly holds: readonly Hold[];
  /** The number of older holds that are not kept. */
  readonly leftOut: number;
  /** The number of unreadable events. The holds do not include them. */
  readonly unreadable: number;
}

/** The holds of a seat, from its stream's events, without skipped ones. */
export async function holdsOf(
  seatEvents: AsyncIterable<RecordedEvent>,
  skips: Skips = new Skips(),
): Promise<SeatHolds> {
  const holds: Hold[] = [];
  let leftOut = 0;
  let unreadable = 0;
  for await (const recorded of seatEvents) {
    if (isMark(recorded) || skips.has(recorded)) continue;
    try {
      note(holds, decodeAs<SeatEvent>(recorded), recorded.createdMs);
    } catch (error) {
      if (!(error instanceof UnreadableEvent)) throw error;
      unreadable += 1;
    }
    if (holds.length > holdsKeptMax * 1.1)
      leftOut += holds.splice(0, holds.length - holdsKeptMax).length;
  }
  return { holds, leftOut, unreadable };
}

function note(holds: Hold[], { type, data }: SeatEvent, atMs: number): void {
  if (type === 'SeatReserved') {
    const { reservationId, userId, expiresAt } = data;
    const payableUntilMs = Date.parse(expiresAt);
    holds.push({
      reservationId,
      userId,
      fromMs: atMs,
      payableUntilMs,
      soldMs: undefined,
      ended: undefined,
    });
    return;
  }
  const hold = holds.at(-1);
  if (hold?.reservationId !== data.reservationId) return;
  if (type === 'SeatSold') hold.soldMs = atMs;
  else hold.ended = { atMs, reason: data.reason };
}

/** The hold of the seat at a moment; undefined if the seat was free. */
export const holdAt = (holds: readonly Hold[], atMs: number): Hold | undefined =>
  holds.findLast(
    ({ fromMs, ended }) => fromMs <= atMs && (ended === undefined || ended.atMs > atMs),
  );

export const iso = (ms: number): string => new Date(ms).toISOString();

/** `user 17 from … until …, reservation …: …`: the user, the time, and the end of the hold. */
export function describeHold(hold: Hold): string {
  const { reservationId, userId, fromMs, payableUntilMs, soldMs, ended } = hold;
  const until = ended === undefined ? 'now' : iso(ended.atMs);
  const outcome =
    ended !== undefined
      ? endings[ended.reason]
      : soldMs === undefined
        ? `to be paid before ${iso(payableUntilMs)}`
        : `paid at ${iso(soldMs)}, and this user owns the seat`;
  return `user ${userId} from ${iso(fromMs)} until ${until}, reservation ${reservationId}: ${outcome}`;
}
