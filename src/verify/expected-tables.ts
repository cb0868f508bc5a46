import { seatsOnSale } from './catalog-proof.ts';
import type { Cell, ExpectedTable } from './expected-table.ts';
import {
  checkEnvelope,
  type LogEvent,
  list,
  type Moment,
  momentOf,
  money,
  optionalText,
  text,
  timeMs,
  Unreadable,
} from './finding.ts';
import { emptyTables } from './forms.ts';
import { isMark, Skipped } from './skips.ts';

/** Events that change no account: summaries, and parts of them. */
const sumUp: ReadonlySet<string> = new Set([
  'AccountSummarised',
  'AccountIndexed',
  'AccountTotalled',
]);

/**
 * The content that PostgreSQL must have, computed only from the events: every row of every read
 * model with all its columns. It applies each event without checking it. The proof of the log
 * checks the events.
 */
export class ExpectedTables {
  readonly #tables = emptyTables();
  readonly all: readonly ExpectedTable[] = Object.values(this.#tables);

  readonly #skipped: Skipped;

  constructor(skipped: Skipped = new Skipped()) {
    this.#skipped = skipped;
  }

  /** Streams with an unreadable event. Their later events wait for it. */
  readonly #stuck = new Set<string>();

  /**
   * Applies the next event of the log. If an event is unreadable, its stream stops, and the proof
   * reports the event.
   */
  see(event: LogEvent): void {
    const { stream } = event;
    if (this.#stuck.has(stream) || isMark(event) || this.#skipped.has(event)) return;
    const name = stream.slice(stream.indexOf('-') + 1);
    const moment = momentOf(event);
    try {
      checkEnvelope(event);
      if (stream.startsWith('seat-')) this.#seat(name, event, moment);
      else if (stream.startsWith('order-')) this.#order(name, event, moment);
      else if (stream.startsWith('account-')) this.#account(name, event, moment);
      else if (stream.startsWith('concert-')) this.#concert(name, event, moment);
    } catch (error) {
      if (!(error instanceof Unreadable)) throw error;
      this.#stuck.add(stream);
    }
  }

  #concert(concertId: string, event: LogEvent, moment: Moment): void {
    const version = event.position;
    if (event.type === 'ConcertRegistered' || event.type === 'ConcertRevised') {
      const { title, venue } = event.data;
      const row = {
        concert_id: concertId,
        title: storable(title),
        venue: storable(venue),
        version,
      };
      this.#tables.concerts.put(row, moment);
      return;
    }
    const sessionId = text(event, 'sessionId');
    if (event.type === 'SessionScheduled') {
      this.#scheduled(concertId, sessionId, event, moment);
    } else if (event.type === 'SessionRescheduled') {
      const cells = {
        starts_at: timeMs(event, 'startsAt'),
        sales_open_at: timeMs(event, 'salesOpenAt'),
        version,
      };
      this.#tables.sessions.change(sessionId, cells, moment);
    } else if (event.type === 'SessionCancelled') {
      this.#tables.sessions.change(sessionId, { cancelled_at: event.createdMs, version }, moment);
    } else {
      throw new Unreadable('an unknown type');
    }
  }

  #scheduled(concertId: string, sessionId: string, event: LogEvent, moment: Moment): void {
    const currency = text(event, 'currency');
    const seats = seatsOnSale(event);
    this.#tables.sessions.put(
      {
        session_id: sessionId,
        concert_id: concertId,
        starts_at: timeMs(event, 'startsAt'),
        sales_open_at: timeMs(event, 'salesOpenAt'),
        currency,
        seats_total: seats.length,
        seats_available: seats.length,
        cancelled_at: null,
        version: event.position,
      },
      moment,
    );
    for (const [ordinal, { seatId, section, row, number, price }] of seats.entries()) {
      this.#tables.seats.put(
        {
          session_id: sessionId,
          seat_id: seatId,
          ordinal,
          section,
          row_name: row,
          seat_number: number,
          price,
          currency,
          ...free,
        },
        moment,
      );
    }
  }

  /** @param seat `<sessionId>/<seatId>` */
  #seat(seat: string, event: LogEvent, moment: Moment): void {
    const [sessionId = '', seatId = ''] = seat.split('/');
    const id = text(event, 'reservationId');
    const user_id = text(event, 'userId');
    if (event.type === 'SeatReserved') {
      this.#reserved(id, sessionId, seatId, event, moment);
      this.#tables.seats.change(seat, { status: 'held', reservation_id: id, user_id }, moment);
      this.#available(sessionId, -1, moment);
    } else if (event.type === 'SeatSold') {
      const payment_id = text(event, 'paymentId');
      const sold = { status: 'sold', payment_id, resolved_at: event.createdMs };
      this.#tables.seats.change(seat, { status: 'sold', reservation_id: id, user_id }, moment);
      this.#tables.reservations.change(id, sold, moment);
    } else if (event.type === 'SeatReleased') {
      const reason = text(event, 'reason');
      const paymentId = optionalText(event, 'paymentId');
      this.#tables.seats.change(seat, free, moment);
      this.#released(id, reason, event, moment);
      this.#available(sessionId, 1, moment);
      if (reason === 'refunded' && paymentId !== undefined) {
        this.#tables.payments.change(paymentId, { refund_due_at: event.createdMs }, moment);
      }
    } else {
      throw new Unreadable('an unknown type');
    }
  }

  #available(sessionId: string, by: 1 | -1, moment: Moment): void {
    this.#tables.sessions.add(sessionId, { seats_available: by }, moment);
    this.#tables.sessions.change(sessionId, { version: moment.position }, moment);
  }

  /** A reservation of one seat or of an order's seats. */
  #reserved(id: string, sessionId: string, seatIds: string, event: LogEvent, moment: Moment): void {
    const isOrder = event.type === 'OrderPlaced';
    this.#tables.reservations.put(
      {
        reservation_id: id,
        session_id: sessionId,
        seat_ids: seatIds,
        user_id: text(event, 'userId'),
        status: 'held',
        price: money(event, 'price'),
        currency: text(event, 'currency'),
        reserved_at: event.createdMs,
        expires_at: timeMs(event, 'expiresAt'),
        payment_id: null,
        release_reason: null,
        resolved_at: null,
        order_id: isOrder ? null : (optionalText(event, 'orderId') ?? null),
        unsettled_since: isOrder ? event.createdMs : null,
      },
      moment,
    );
  }

  #released(id: string, reason: string, { createdMs }: LogEvent, moment: Moment): void {
    const cells = { status: 'released', release_reason: reason, resolved_at: createdMs };
    this.#tables.reservations.change(id, cells, moment);
  }

  #order(orderId: string, event: LogEvent, moment: Moment): void {
    const id = `order.${orderId}`;
    const { createdMs } = event;
    const unsettled = (since: Cell) =>
      this.#tables.reservations.change(id, { unsettled_since: since }, moment);
    if (event.type === 'OrderPlaced') {
      const seatIds = list(event, 'seats').map((seat) => text(seat, 'seatId'));
      const sessionId = text(event, 'sessionId');
      this.#reserved(text(event, 'reservationId'), sessionId, seatIds.join(','), event, moment);
    } else if (event.type === 'OrderPaid') {
      const payment_id = text(event, 'paymentId');
      this.#tables.reservations.change(
        id,
        { status: 'sold', payment_id, resolved_at: createdMs },
        moment,
      );
      unsettled(createdMs);
    } else if (event.type === 'OrderEnded') {
      this.#released(id, text(event, 'reason'), event, moment);
      unsettled(createdMs);
    } else if (event.type === 'OrderConfirmed' || event.type === 'OrderSettled') {
      unsettled(null);
    } else {
      throw new Unreadable('an unknown type');
    }
  }

  #account(userId: string, event: LogEvent, moment: Moment): void {
    if (event.type === 'BalanceCharged') {
      const amount = money(event, 'amount');
      this.#open(userId, event, moment);
      this.#tables.accounts.add(userId, { balance: amount }, moment);
      return;
    }
    if (sumUp.has(event.type)) return;
    const id = text(event, 'paymentId');
    const amount = money(event, 'amount');
    const ends = (status: string, cells: Record<string, Cell>, by: Record<string, number>) => {
      this.#tables.accounts.add(userId, by, moment);
      this.#tables.payments.change(id, { status, resolved_at: event.createdMs, ...cells }, moment);
    };
    if (event.type === 'PaymentHeld') {
      this.#open(userId, event, moment);
      this.#tables.accounts.add(userId, { balance: -amount, held: amount }, moment);
      this.#tables.payments.put(
        {
          payment_id: id,
          user_id: userId,
          reservation_id: text(event, 'reservationId'),
          amount,
          currency: text(event, 'currency'),
          status: 'held',
          held_at: event.createdMs,
          hold_expires_at: timeMs(event, 'holdExpiresAt'),
          release_reason: null,
          resolved_at: null,
          refund_due_at: null,
        },
        moment,
      );
    } else if (event.type === 'PaymentCaptured') {
      ends('captured', {}, { held: -amount });
    } else if (event.type === 'PaymentReleased') {
      const cells = { release_reason: text(event, 'reason'), refund_due_at: null };
      ends('released', cells, { balance: amount, held: -amount });
    } else if (event.type === 'PaymentRefunded') {
      ends('refunded', { refund_due_at: null }, { balance: amount });
    } else {
      throw new Unreadable('an unknown type');
    }
  }

  #open(userId: string, event: LogEvent, moment: Moment): void {
    if (this.#tables.accounts.rows.has(userId)) return;
    const row = { user_id: userId, balance: 0, held: 0, currency: text(event, 'currency') };
    this.#tables.accounts.put(row, moment);
  }
}

const free = { status: 'available', reservation_id: null, user_id: null } as const;

/** PostgreSQL's text cannot contain NUL or half of a character, because UTF-8 has no such half. */
const storable = (value: unknown): string | null =>
  typeof value === 'string'
    ? value.replaceAll('\u0000', '').replace(/\p{Surrogate}/gu, '\uFFFD')
    : null;
