import type { EventStore } from '../commands/core/event-store.ts';
import { decode, type RecordedEvent } from '../events/codec.ts';
import type { EventData } from '../events/events.ts';
import { parseOrderReservationId, parseReservationId, paymentId } from '../events/ids.ts';
import { readSkips, type Skips } from '../events/skipped.ts';
import { accountStream, orderStream, seatStream } from '../events/streams.ts';
import { weave } from './weave.ts';

type Log = Pick<EventStore, 'readStream'>;
type Events = AsyncIterable<RecordedEvent>;

/**
 * All events of a reservation, in the log's order: those of its seats, its order (if any), and its
 * payment. The id of one seat of an order means the whole order.
 * @returns undefined if there never was such a reservation
 */
export async function eventsOfReservation(log: Log, id: string): Promise<Events | undefined> {
  const skips = await readSkips(log);
  const orderId = parseOrderReservationId(id);
  if (orderId !== undefined) return eventsOfOrder(log, skips, orderId);
  const ref = parseReservationId(id);
  if (ref === undefined) return undefined;
  const seat = seatStream(ref.sessionId, ref.seatId);
  const reserved = await find<'SeatReserved'>(
    log.readStream(seat),
    skips,
    (event) => event.type === 'SeatReserved' && textIn(event, 'reservationId') === id,
  );
  if (reserved === undefined) return undefined;
  if (reserved.orderId !== undefined) return eventsOfOrder(log, skips, reserved.orderId);
  return weave([
    only(log.readStream(seat), (event) => textIn(event, 'reservationId') === id),
    eventsOfPayment(log, reserved.userId, id),
  ]);
}

async function eventsOfOrder(log: Log, skips: Skips, orderId: string): Promise<Events | undefined> {
  const order = orderStream(orderId);
  const placed = await find<'OrderPlaced'>(
    log.readStream(order),
    skips,
    ({ type }) => type === 'OrderPlaced',
  );
  if (placed === undefined) return undefined;
  const { sessionId, userId, reservationId, seats } = placed;
  return weave([
    log.readStream(order),
    ...seats.map(({ seatId }) => eventsOfOrderedSeat(log, seatStream(sessionId, seatId), orderId)),
    eventsOfPayment(log, userId, reservationId),
  ]);
}

/** A seat's events while it belonged to the order. */
async function* eventsOfOrderedSeat(
  log: Log,
  seat: string,
  orderId: string,
): AsyncGenerator<RecordedEvent> {
  let reservationId: string | undefined;
  for await (const event of log.readStream(seat)) {
    if (textIn(event, 'orderId') === orderId) reservationId = textIn(event, 'reservationId');
    const isOfOrder =
      reservationId !== undefined && textIn(event, 'reservationId') === reservationId;
    if (isOfOrder) yield event;
  }
}

const eventsOfPayment = (log: Log, userId: string, reservationId: string): Events =>
  only(
    log.readStream(accountStream(userId)),
    (event) => textIn(event, 'paymentId') === paymentId(reservationId),
  );

/** The events of the log between two times, both included, in milliseconds since the epoch. */
export const eventsBetween = (events: Events, fromMs: number, untilMs: number): Events =>
  only(events, ({ createdMs }) => createdMs >= fromMs && createdMs <= untilMs);

async function* only(
  events: Events,
  isWanted: (event: RecordedEvent) => boolean,
): AsyncGenerator<RecordedEvent, void, undefined> {
  for await (const event of events) if (isWanted(event)) yield event;
}

/**
 * Finds an event, without skipped ones.
 * @throws UnreadableEvent
 */
async function find<T extends keyof EventData>(
  events: Events,
  skips: Skips,
  isWanted: (event: RecordedEvent) => boolean,
): Promise<EventData[T] | undefined> {
  for await (const event of events) {
    if (!skips.has(event) && isWanted(event)) return decode(event).data as EventData[T];
  }
  return undefined;
}

/** A text in an event's data, also of an event that this version cannot read. */
export function textIn({ data }: RecordedEvent, name: string): string | undefined {
  const value = (data as Record<string, unknown> | null | undefined)?.[name];
  return typeof value === 'string' ? value : undefined;
}
