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
  expired: 'its time was over before it was paid',
  cancelled: 'it was given back before it was paid',
  refunded: 'it had been paid and was given back for its money',
  'not-all': 'not all seats of its order could be had',
};

const words: { readonly [T in EventType]: (data: EventData[T]) => string } = {
  ConcertRegistered: ({ title }) => `concert registered: ${title}`,
  ConcertRevised: ({ title }) => `concert revised: ${title}`,
  SessionScheduled: ({ sessionId, startsAt }) => `session ${sessionId} scheduled for ${startsAt}`,
  SessionRescheduled: ({ sessionId, startsAt }) => `session ${sessionId} moved to ${startsAt}`,
  SessionCancelled: ({ sessionId }) => `session ${sessionId} cancelled`,
  SessionsClaimed: ({ concertId, sessionIds }) =>
    `session ids of concert ${concertId} alone from now on: ${sessionIds.join(', ')}`,

  SeatReserved: ({ userId, expiresAt, reservationId, price, currency, orderId }) =>
    `seat held for user ${userId} until ${expiresAt}: reservation ${reservationId}${
      orderId === undefined ? '' : ` of order.${orderId}`
    }, ${price} ${currency}`,
  SeatSold: ({ userId, reservationId, paymentId }) =>
    `seat sold to user ${userId}: reservation ${reservationId}, payment ${paymentId}`,
  SeatReleased: ({ userId, reservationId, reason }) =>
    `seat free again, no longer user ${userId}’s: reservation ${reservationId} ended, ${endings[reason]}`,

  OrderPlaced: ({ userId, seats, sessionId, price, currency, expiresAt }) =>
    `user ${userId} ordered ${seats.length} seats of session ${sessionId}, all or none (${seats
      .map(({ seatId }) => seatId)
      .join(', ')}): ${price} ${currency}, to be paid before ${expiresAt}`,
  OrderConfirmed: () => 'every seat of the order is held: it can be paid',
  OrderPaid: ({ paymentId }) => `order sold: payment ${paymentId}`,
  OrderEnded: ({ reason }) => `order ended, ${endings[reason]}`,
  OrderSettled: () => 'seats and money have followed what became of the order',

  BalanceCharged: ({ amount, currency, balance }) =>
    `${amount} ${currency} charged: ${balance} can be spent`,
  PaymentHeld: ({ amount, currency, reservationId, balance }) =>
    `${amount} ${currency} held to pay reservation ${reservationId}: ${balance} can be spent`,
  PaymentCaptured: ({ amount, reservationId }) => `${amount} paid for reservation ${reservationId}`,
  PaymentReleased: ({ amount, reservationId, reason }) =>
    `${amount} no longer held for reservation ${reservationId}: ${
      reason === 'cancelled' ? 'it was cancelled' : 'its hold had ended'
    }`,
  PaymentRefunded: ({ amount, reservationId }) =>
    `${amount} refunded for reservation ${reservationId}`,
  AccountSummarised: ({ balance, held }) =>
    `summed up, which changes nothing: ${balance} can be spent, ${held} held`,

  AccountIndexed: ({ from, to }) =>
    `noted which charges and payments events ${from} to ${to} name, which changes nothing`,
  AccountTotalled: ({ balance, held }) =>
    `summed up, which changes nothing: ${balance} can be spent, ${held} held`,

  RequestStarted: () => 'a request with this key began',
  RequestAnswered: ({ status, body }) => `it was answered ${status}: ${body}`,
  EventSkipped: ({ revision, type, reason }) =>
    `event ${revision} (${type}), which could not be read, counts for nothing from here on: ${reason}`,
  SkipAnnounced: ({ revision, stream }) => `event ${revision}@${stream} is about to be skipped`,
  LogRestored: ({ archive, events }) => `${events} events begin to be restored from ${archive}`,
  ImageRestored: ({ image, lastCreatedAt }) =>
    `the log is as it was at ${lastCreatedAt}: restored from ${image}; the sale is closed`,
  LogRestoreFinished: ({ events }) => `${events} events are restored; the sale is closed`,
  LogReconciled: ({ missing }) => `the tables of before know ${missing} facts that are not there`,
  SaleOpened: ({ reason }) => `the sale is open: ${reason}`,

  ReleaseServed: ({ version }) => `version ${version} of the service serves the log`,
  QueueMoved: ({ moves }) => `${moves.length} places of the waiting queue changed`,
  QueueSteered: ({ room, by, reason }) =>
    `waiting queue${ofRoom(room)} steered by ${by}: ${reason}`,
  QueueDrawn: ({ room, opensAt, seed }) =>
    `places of the waiting queue${ofRoom(room)} before ${opensAt} drawn by lot, seed ${seed}`,
  RequestAbandoned: () => 'it got no answer that may be repeated: the key is free again',
};

const ofRoom = (room: string | undefined): string => (room === undefined ? '' : `, room ${room},`);
