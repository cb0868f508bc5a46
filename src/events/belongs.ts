import { decode, type RecordedEvent, UnreadableEvent } from './codec.ts';
import type { EventType } from './events.ts';
import { parseStream, streamPrefixes } from './streams.ts';

/** The category of streams that each type of event is on; null: any. */
export const categoryOf = {
  ConcertRegistered: 'concert',
  ConcertRevised: 'concert',
  SessionScheduled: 'concert',
  SessionRescheduled: 'concert',
  SessionCancelled: 'concert',
  SessionsClaimed: 'catalog',
  SeatReserved: 'seat',
  SeatSold: 'seat',
  SeatReleased: 'seat',
  OrderPlaced: 'order',
  OrderConfirmed: 'order',
  OrderPaid: 'order',
  OrderEnded: 'order',
  OrderSettled: 'order',
  BalanceCharged: 'account',
  PaymentHeld: 'account',
  PaymentCaptured: 'account',
  PaymentReleased: 'account',
  PaymentRefunded: 'account',
  AccountSummarised: 'account',
  AccountIndexed: 'account',
  AccountTotalled: 'account',
  RequestStarted: 'request',
  RequestAnswered: 'request',
  RequestAbandoned: 'request',
  EventSkipped: null,
  SkipAnnounced: 'skipped',
  ReleaseServed: 'releases',
  QueueSteered: 'queue',
  QueueDrawn: 'queue',
  QueueMoved: 'queue',
  LogRestored: 'restored',
  ImageRestored: 'restored',
  LogRestoreFinished: 'restored',
  LogReconciled: 'restored',
  SaleOpened: 'restored',
} as const satisfies Readonly<Record<EventType, string | null>>;

/** Why an event with a known schema cannot be read on its stream. */
export const notHere = 'its type does not belong on this stream';

const isProjected = (stream: string): boolean =>
  streamPrefixes.some((prefix) => stream.startsWith(prefix));

/**
 * Why an event cannot be read on its stream. Its type or version is unknown, its data is malformed,
 * or it belongs on another stream. Undefined if it is readable. Then commands decide with it and
 * read models have it.
 */
export function whyUnreadable(recorded: RecordedEvent): string | undefined {
  const { stream } = recorded;
  try {
    const category = categoryOf[decode(recorded).type];
    if (category === null) return undefined;
    const isHere = isProjected(stream)
      ? parseStream(stream)?.category === category
      : stream.startsWith(`${category}-`);
    return isHere ? undefined : new UnreadableEvent(recorded, notHere).message;
  } catch (error) {
    if (!(error instanceof UnreadableEvent)) throw error;
    return error.message;
  }
}
