import type { RecordedEvent } from '../../src/events/codec.ts';
import type { DomainEvent, EventData, EventOf, EventType } from '../../src/events/events.ts';
import { paymentId } from '../../src/events/ids.ts';

/**
 * The builders of events for all tests: one function per event type, with the name of the type. A
 * test states only the data that it is about. `more` replaces default values.
 */

/** The default time of events. */
export const at = '2027-01-01T12:00:00.000Z';
export const atMs = Date.parse(at);
/** The default end of a hold. */
export const holdEndsAt = '2027-01-01T12:05:00.000Z';
export const holdEndsAtMs = Date.parse(holdEndsAt);
export const currency = 'KRW';

/** The user and the reservation of a hold. */
export interface Hold {
  readonly reservationId: string;
  readonly userId: string;
}

export interface Payment {
  readonly paymentId: string;
  readonly reservationId: string;
  readonly amount: number;
}

type More<T extends EventType> = Partial<EventData[T]>;

/** The payment of a reservation. */
export const paymentOf = (reservationId: string, amount: number): Payment => ({
  paymentId: paymentId(reservationId),
  reservationId,
  amount,
});

export const concertRegistered = (title: string, venue?: string): EventOf<'ConcertRegistered'> => ({
  type: 'ConcertRegistered',
  data: { title, ...(venue === undefined ? {} : { venue }) },
});

export const concertRevised = (title: string, venue?: string): EventOf<'ConcertRevised'> => ({
  type: 'ConcertRevised',
  data: { title, ...(venue === undefined ? {} : { venue }) },
});

export const sessionScheduled = (
  data: Pick<EventData['SessionScheduled'], 'sessionId' | 'sections'> & More<'SessionScheduled'>,
): EventOf<'SessionScheduled'> => ({
  type: 'SessionScheduled',
  data: {
    ...{ startsAt: '2027-05-01T10:00:00.000Z', salesOpenAt: '2027-01-01T00:00:00.000Z' },
    ...{ currency, ...data },
  },
});

export const sessionRescheduled = (
  data: EventData['SessionRescheduled'],
): EventOf<'SessionRescheduled'> => ({ type: 'SessionRescheduled', data });

export const sessionCancelled = (sessionId: string): EventOf<'SessionCancelled'> => ({
  type: 'SessionCancelled',
  data: { sessionId },
});

export const seatReserved = (
  { reservationId, userId }: Hold,
  more: More<'SeatReserved'> = {},
): EventOf<'SeatReserved'> => ({
  type: 'SeatReserved',
  data: { reservationId, userId, price: 100, currency, expiresAt: holdEndsAt, ...more },
});

export const seatSold = ({ reservationId, userId }: Hold): EventOf<'SeatSold'> => ({
  type: 'SeatSold',
  data: { reservationId, paymentId: paymentId(reservationId), userId },
});

export const seatReleased = (
  { reservationId, userId }: Hold,
  reason: EventData['SeatReleased']['reason'] = 'expired',
  more: More<'SeatReleased'> = { currency },
): EventOf<'SeatReleased'> => ({
  type: 'SeatReleased',
  data: { reservationId, userId, reason, ...more },
});

export const orderPlaced = (data: EventData['OrderPlaced']): EventOf<'OrderPlaced'> => ({
  type: 'OrderPlaced',
  data,
});

export const orderConfirmed = (): EventOf<'OrderConfirmed'> => ({
  type: 'OrderConfirmed',
  data: {},
});

export const orderPaid = (id: string): EventOf<'OrderPaid'> => ({
  type: 'OrderPaid',
  data: { paymentId: id },
});

export const orderEnded = (reason: EventData['OrderEnded']['reason']): EventOf<'OrderEnded'> => ({
  type: 'OrderEnded',
  data: { reason },
});

export const orderSettled = (): EventOf<'OrderSettled'> => ({ type: 'OrderSettled', data: {} });

export const balanceCharged = (
  chargeId: string,
  amount: number,
  balance: number,
  more: More<'BalanceCharged'> = {},
): EventOf<'BalanceCharged'> => ({
  type: 'BalanceCharged',
  data: { chargeId, amount, currency, balance, at, ...more },
});

export const paymentHeld = (
  payment: Payment,
  balance: number,
  more: More<'PaymentHeld'> = {},
): EventOf<'PaymentHeld'> => ({
  type: 'PaymentHeld',
  data: { ...payment, currency, balance, holdExpiresAt: holdEndsAt, at, ...more },
});

export const paymentCaptured = (payment: Payment): EventOf<'PaymentCaptured'> => ({
  type: 'PaymentCaptured',
  data: payment,
});

export const paymentReleased = (
  payment: Payment,
  reason: EventData['PaymentReleased']['reason'] = 'hold-expired',
): EventOf<'PaymentReleased'> => ({ type: 'PaymentReleased', data: { ...payment, reason } });

export const paymentRefunded = (payment: Payment): EventOf<'PaymentRefunded'> => ({
  type: 'PaymentRefunded',
  data: payment,
});

export const requestStarted = (data: EventData['RequestStarted']): EventOf<'RequestStarted'> => ({
  type: 'RequestStarted',
  data,
});

export const requestAnswered = (
  data: EventData['RequestAnswered'],
): EventOf<'RequestAnswered'> => ({ type: 'RequestAnswered', data });

export const requestAbandoned = (): EventOf<'RequestAbandoned'> => ({
  type: 'RequestAbandoned',
  data: {},
});

/** An event and its stream. */
export interface Written {
  readonly stream: string;
  readonly event: DomainEvent;
}

/**
 * Events in the form of a log. Each has the next position, and the next revision of its stream. All
 * have the default time.
 */
export function recordedOf(events: Iterable<Written>): RecordedEvent[] {
  const revisions = new Map<string, bigint>();
  return [...events].map(({ stream, event }, index) => {
    const revision = revisions.get(stream) ?? 0n;
    revisions.set(stream, revision + 1n);
    return {
      ...event,
      ...{ id: `${index}`, stream, revision, position: BigInt(index + 1) },
      ...{ createdMs: atMs, metadata: { schemaVersion: 1 } },
    };
  });
}
