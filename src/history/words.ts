import { decode, type RecordedEvent, UnreadableEvent } from '../events/codec.ts';
import type { EventData, EventType } from '../events/events.ts';

/** The event in plain words. For an unreadable event, the text says that it is unreadable. */
export function inWords(event: RecordedEvent): string {
  try {
    const { type, data } = decode(event);
    return (words[type] as (data: unknown) => string)(data);
  } catch (error) {
    if (!(error instanceof UnreadableEvent)) throw error;
    return `cannot be read by this version: ${error.message}`;
  }
}

/** How a hold of a seat or an order ended. */
export const endings: Readonly<Record<EventData['SeatReleased']['reason'], string>> = {
  expired: 'the hold ended without a payment',
  cancelled: 'the reservation was cancelled before a payment',
  refunded: 'the reservation was paid, and was cancelled later with a refund',
  'not-all': 'the order did not get all of its seats',
};

const words: { readonly [T in EventType]: (data: EventData[T]) => string } = {
  ConcertRegistered: ({ title }) => `concert registered: ${title}`,
  ConcertRevised: ({ title }) => `concert revised: ${title}`,
  SessionScheduled: ({ sessionId, startsAt }) => `session ${sessionId} scheduled for ${startsAt}`,
  SessionRescheduled: ({ sessionId, startsAt }) => `session ${sessionId} moved to ${startsAt}`,
  SessionCancelled: ({ sessionId }) => `session ${sessionId} cancelled`,
  SessionsClaimed: ({ concertId, sessionIds }) =>
    `these session ids now belong to concert ${concertId}: ${sessionIds.join(', ')}`,

  SeatReserved: ({ userId, expiresAt, reservationId, price, currency, orderId }) =>
    `seat held for user ${userId} until ${expiresAt}: reservation ${reservationId}${
      orderId === undefined ? '' : ` of order.${orderId}`
    }, ${price} ${currency}`,
  SeatSold: ({ userId, reservationId, paymentId }) =>
    `seat sold to user ${userId}: reservation ${reservationId}, payment ${paymentId}`,
  SeatReleased: ({ userId, reservationId, reason }) =>
    `seat free again: reservation ${reservationId} of user ${userId} ended, because ${endings[reason]}`,

  OrderPlaced: ({ userId, seats, sessionId, price, currency, expiresAt }) =>
    `user ${userId} ordered ${seats.length} seats of session ${sessionId}, all or none (${seats
      .map(({ seatId }) => seatId)
      .join(', ')}): ${price} ${currency}, to be paid before ${expiresAt}`,
  OrderConfirmed: () => 'all seats of the order are held: the buyer can pay',
  OrderPaid: ({ paymentId }) => `order sold: payment ${paymentId}`,
  OrderEnded: ({ reason }) => `order ended, because ${endings[reason]}`,
  OrderSettled: () => 'the seats and the money of the order are settled',

  BalanceCharged: ({ amount, currency, balance }) =>
    `${amount} ${currency} charged: ${balance} can be spent`,
  PaymentHeld: ({ amount, currency, reservationId, balance }) =>
    `${amount} ${currency} held to pay reservation ${reservationId}: ${balance} can be spent`,
  PaymentCaptured: ({ amount, reservationId }) => `${amount} paid for reservation ${reservationId}`,
  PaymentReleased: ({ amount, reservationId, reason }) =>
    `${amount} no longer held for reservation ${reservationId}: ${
      reason === 'cancelled' ? 'it was cancelled' : 'the hold had ended'
    }`,
  PaymentRefunded: ({ amount, reservationId }) =>
    `${amount} refunded for reservation ${reservationId}`,
  AccountSummarised: ({ balance, held }) =>
    `summary, which changes nothing: ${balance} can be spent, ${held} held`,

  AccountIndexed: ({ from, to }) =>
    `index of the charges and payments in events ${from} to ${to}: this changes nothing`,
  AccountTotalled: ({ balance, held }) =>
    `summary, which changes nothing: ${balance} can be spent, ${held} held`,

  RequestStarted: () => 'a request with this key began',
  RequestAnswered: ({ status, body }) => `the request got the answer ${status}: ${body}`,
  EventSkipped: ({ revision, type, reason }) =>
    `event ${revision} (${type}) could not be read. All readers ignore it from here on: ${reason}`,
  SkipAnnounced: ({ revision, stream }) => `event ${revision}@${stream} is about to be skipped`,
  LogRestored: ({ archive, events }) => `the restore of ${events} events from ${archive} begins`,
  ImageRestored: ({ image, lastCreatedAt }) =>
    `the log is as it was at ${lastCreatedAt}: restored from ${image}; the sale is closed`,
  LogRestoreFinished: ({ events }) => `${events} events are restored; the sale is closed`,
  LogReconciled: ({ missing }) => `the old tables have ${missing} facts that the log does not have`,
  SaleOpened: ({ reason }) => `the sale is open: ${reason}`,

  ReleaseServed: ({ version }) => `version ${version} of the service serves the log`,
  QueueMoved: ({ moves }) => `${moves.length} places of the waiting queue changed`,
  QueueSteered: ({ room, by, reason }) =>
    `waiting queue${ofRoom(room)} steered by ${by}: ${reason}`,
  QueueDrawn: ({ room, opensAt, seed }) =>
    `places of the waiting queue${ofRoom(room)} before ${opensAt} drawn by lot, seed ${seed}`,
  RequestAbandoned: () => 'the request got no answer that can be repeated: the key is free again',
};

const ofRoom = (room: string | undefined): string => (room === undefined ? '' : `, room ${room},`);
