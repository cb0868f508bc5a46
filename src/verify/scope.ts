import type { LogEvent } from './finding.ts';

/** Reservation ids of one seat: `<session>.<seat>.<turn>`, since a restore `…-<epoch>`. */
const seatReservation = /^([^.]+)\.([^.]+)\.\d+(?:-[0-9a-f]{8})?$/;
const orderReservation = /^order\.(.+)$/;

/** A proof that begins in the middle of the log cannot decide. The whole log must be proven. */
export class NeedsWhole extends Error {}

/**
 * The streams that must be read to judge an event: those of the money that pays for a seat, of the
 * order that a seat belongs to, and back.
 * @throws NeedsWhole for an event whose names cannot be read
 */
export function streamsNamedBy({ stream, data }: LogEvent): readonly string[] {
  const named: string[] = [];
  if (typeof data.userId === 'string') named.push(`account-${data.userId}`);
  if (typeof data.orderId === 'string') named.push(`order-${data.orderId}`);
  if (stream.startsWith('order-') && Array.isArray(data.seats)) {
    for (const seat of data.seats) {
      named.push(`seat-${data.sessionId}/${(seat as { readonly seatId?: unknown }).seatId}`);
    }
  }
  if (stream.startsWith('account-') && typeof data.reservationId === 'string') {
    named.push(streamOf(data.reservationId));
  }
  return named;
}

function streamOf(reservationId: string): string {
  const [, orderId] = orderReservation.exec(reservationId) ?? [];
  if (orderId !== undefined) return `order-${orderId}`;
  const [, sessionId, seatId] = seatReservation.exec(reservationId) ?? [];
  if (sessionId === undefined) throw new NeedsWhole(`${reservationId} names no seat`);
  return `seat-${sessionId}/${seatId}`;
}

/**
 * The events of a stream that name other streams that the proof needs. These are the new events.
 * For an order, they are all events. For a seat, they also include its last SeatReserved.
 */
export function naming(events: readonly LogEvent[], after: bigint): readonly LogEvent[] {
  const [first] = events;
  if (first === undefined) return [];
  if (first.stream.startsWith('order-')) return events;
  const isNew = ({ position }: LogEvent) => position > after;
  const held = first.stream.startsWith('seat-')
    ? events.findLast(({ type }) => type === 'SeatReserved')
    : undefined;
  return [...events.filter(isNew), ...(held === undefined ? [] : [held])];
}

/** The concert of each session id, by the events of `catalog-sessions`. */
export function concertsBySession(claims: readonly LogEvent[]): ReadonlyMap<string, string> {
  const concerts = new Map<string, string>();
  for (const { data } of claims) {
    if (!Array.isArray(data.sessionIds)) continue;
    for (const sessionId of data.sessionIds)
      concerts.set(String(sessionId), String(data.concertId));
  }
  return concerts;
}

const lineStream = /^queue-line-(\d{4}-\d{2}-\d{2}T\d{2})(-.+)?$/;
const hourMs = 3_600_000;
/** Nobody is admitted for so long. So a user who leaves now was admitted in one of these hours. */
const hoursBefore = 2;

/**
 * A stream of the waiting queue, and the streams of the same line for the hours before it. The
 * proof of its moves needs them.
 */
export function linesWith(stream: string): readonly string[] {
  const [, hour, room = ''] = lineStream.exec(stream) ?? [];
  const startMs = Date.parse(`${hour}:00Z`);
  if (hour === undefined || Number.isNaN(startMs)) return [stream];
  const before = Array.from({ length: hoursBefore }, (_, n) =>
    new Date(startMs - (n + 1) * hourMs).toISOString().slice(0, 13),
  );
  return [stream, ...before.map((one) => `queue-line-${one}${room}`)];
}
