import { z } from 'zod';
import { concertDetails } from './concert-details.ts';
import { queueSchemas } from './queue-events.ts';
import { restoredSchemas } from './restored-events.ts';
import { timeSchema } from './time.ts';

/**
 * The stored contract: every event type with the schema of its newest version. A changed *meaning*
 * gets a new type; a changed shape gets a new version here and an upcaster in `upcasters.ts`. The
 * name of an event's stream contains the ids of its subject (`streams.ts`). So the data never
 * repeats these ids.
 *
 * Money is a whole number of minor units with an ISO 4217 currency. Times are ISO 8601 UTC.
 */

/** Visible ASCII without spaces: PostgreSQL can store it, and ids can be joined. */
const id = z.string().regex(/^[!-~]{1,200}$/);
/** At most 2^53 − 1, as all whole numbers here. */
const amount = z.number().int().min(0);
const currency = z.string().regex(/^[A-Z]{3}$/);

/** An event's place in its stream. */
const revision = z.number().int().min(0);
/**
 * Doubles in base64: three of them are 32 characters. Node decodes a text of 533 kB and encodes it
 * again in less than a tenth of the time that the pattern, which says the same, needs for it.
 */
const doubles = z
  .string()
  .refine((text) => {
    const bytes = Buffer.from(text, 'base64');
    return bytes.length % 8 === 0 && bytes.toString('base64') === text;
  }, 'must be doubles in base64')
  .meta({
    pattern: '^(?:[A-Za-z0-9+/]{32})*(?:[A-Za-z0-9+/]{11}=|[A-Za-z0-9+/]{22}==)?$',
  });

/** One row of seats: its name and the seats' numbers, in order. */
export const rowSchema = z.object({
  row: z.string().regex(/^[A-Za-z0-9_]{1,16}$/),
  seats: z.array(z.number().int().min(1).max(99_999)).min(1),
});

/** A section of the hall. All its seats have the same price. */
export const sectionSchema = z.object({
  section: z.string().regex(/^[A-Za-z0-9_]{1,24}$/),
  price: amount,
  rows: z.array(rowSchema).min(1),
});
export type Section = z.infer<typeof sectionSchema>;

/** Which payment it is. */
const paymentIds = { paymentId: id, reservationId: id };
/** The held money of a payment. The snapshots of an account repeat it. */
const heldMoney = {
  amount,
  currency,
  /** The balance after the money was held. */
  balance: amount,
  /** The end of the seat's hold. No payment for it may start later. */
  holdExpiresAt: timeSchema,
};

export const eventSchemas = {
  // concert-<concertId>
  ConcertRegistered: concertDetails,
  ConcertRevised: concertDetails,
  SessionScheduled: z.object({
    sessionId: id,
    startsAt: timeSchema,
    salesOpenAt: timeSchema,
    currency,
    sections: z.array(sectionSchema).min(1),
  }),
  SessionRescheduled: z.object({ sessionId: id, startsAt: timeSchema, salesOpenAt: timeSchema }),
  SessionCancelled: z.object({ sessionId: id }),

  // catalog-sessions
  /**
   * From now on, the ids belong to this concert. A session's id is in the names of its seats'
   * streams, so only one concert may have it.
   */
  SessionsClaimed: z.object({ concertId: id, sessionIds: z.array(id).min(1) }),

  // seat-<sessionId>/<seatId>
  SeatReserved: z.object({
    reservationId: id,
    userId: id,
    price: amount,
    currency,
    expiresAt: timeSchema,
    /** The order that holds the seat. The order's stream then decides when the hold ends. */
    orderId: id.optional(),
  }),
  SeatSold: z.object({ reservationId: id, paymentId: id, userId: id }),
  SeatReleased: z.object({
    reservationId: id,
    userId: id,
    /** `refunded`: it was sold. `not-all`: another seat of its order was not available. */
    reason: z.enum(['expired', 'cancelled', 'refunded', 'not-all']),
    currency: currency.optional(),
    /** The payment that a refund gives back. */
    paymentId: id.optional(),
    amount: amount.optional(),
  }),

  // order-<orderId>: several seats reserved, paid and cancelled as one
  OrderPlaced: z.object({
    reservationId: id,
    sessionId: id,
    userId: id,
    seats: z.array(z.object({ seatId: id, price: amount })).min(2),
    price: amount,
    currency,
    expiresAt: timeSchema,
  }),
  /** Every seat is held. The order can be paid. */
  OrderConfirmed: z.object({}),
  OrderPaid: z.object({ paymentId: id }),
  OrderEnded: z.object({ reason: z.enum(['expired', 'cancelled', 'refunded', 'not-all']) }),
  /** Every seat and the payment have followed the result of the order. */
  OrderSettled: z.object({}),

  // account-<userId>; `balance` is what could be spent after the event, as it was answered
  BalanceCharged: z.object({ chargeId: id, amount, currency, balance: amount, at: timeSchema }),
  PaymentHeld: z.object({ ...paymentIds, ...heldMoney, at: timeSchema }),
  PaymentCaptured: z.object({ paymentId: id, reservationId: id, amount }),
  PaymentReleased: z.object({
    paymentId: id,
    reservationId: id,
    amount,
    reason: z.enum(['hold-expired', 'cancelled']),
  }),
  PaymentRefunded: z.object({ paymentId: id, reservationId: id, amount }),
  /**
   * Everything in the stream up to here that still counts. So a read of a long stream begins here.
   */
  AccountSummarised: z.object({
    currency: currency.nullable(),
    balance: amount,
    held: amount,
    /** Taken and not refunded. */
    captured: amount,
    latestAt: timeSchema,
    charges: z.array(z.object({ chargeId: id, amount, balance: amount, at: timeSchema })),
    payments: z.array(
      z.object({
        ...paymentIds,
        status: z.enum(['held', 'captured', 'released', 'refunded']),
        ...heldMoney,
      }),
    ),
  }),
  /**
   * The ids in the stream's events from one revision to another. With them, the service need not
   * read those events to know whether an id is new. An entry is a number of 53 bits, `hash × 2^21 +
   * block`: FNV-1a of the id in 32 bits, and the revision of the event that names it divided by
   * 512. Entries are sorted and unique. They are doubles (8 bytes, little-endian) in base64.
   */
  AccountIndexed: z.object({
    from: revision,
    to: revision,
    /** The entries count until an event of the account has a later time than this. */
    countsUntil: timeSchema,
    /** The entries of all events except refunds. */
    entries: doubles,
    /**
     * The entries of refunds, which always count: those of the range, and older ones from dropped
     * indexes.
     */
    refunds: doubles,
  }),
  /**
   * A summary of an account with too many entries for one event: its totals, the payments that
   * still hold money, and the positions of the indexes that have the other entries.
   */
  AccountTotalled: z.object({
    currency: currency.nullable(),
    balance: amount,
    held: amount,
    /** Taken and not refunded. */
    captured: amount,
    latestAt: timeSchema,
    payments: z.array(z.object({ ...paymentIds, ...heldMoney })),
    /**
     * Revisions of the `AccountIndexed` that still count, oldest first; their ranges follow one
     * another up to here.
     */
    indexes: z.array(revision).min(1),
  }),

  // request-<hash>: what a request with an idempotency key was answered
  RequestStarted: z.object({
    fingerprint: z.string(),
    /** Hash of the request's token. A client with the same token may get the answer again. */
    bearer: z.string().optional(),
    at: timeSchema,
  }),
  RequestAnswered: z.object({
    status: z.number().int(),
    headers: z.record(z.string(), z.string()),
    body: z.string(),
    at: timeSchema,
  }),
  /** There is no answer that may be repeated. The key is free again. */
  RequestAbandoned: z.object({}),

  // any stream
  /**
   * An earlier event of the same stream could not be read. It counts for nothing from now on, for
   * all readers and in any version (docs/adr/0031-events-that-are-skipped.md).
   */
  EventSkipped: z.object({
    revision,
    eventId: z.string(),
    type: z.string(),
    /** Why it could not be read. */
    why: z.string(),
    /** The operator's reason for the skip. */
    reason: z.string(),
    at: timeSchema,
  }),

  // skipped-events
  /**
   * Announces the skip of an event. The event is skipped only when its stream has the mark, an
   * EventSkipped.
   */
  SkipAnnounced: z.object({
    stream: z.string(),
    revision,
    eventId: z.string(),
    /** The position of the event in the log. */
    position: z.string().regex(/^[0-9]{1,19}$/),
    markRevision: revision,
    markId: z.string(),
  }),

  ...queueSchemas,
  ...restoredSchemas,
} as const;

export type EventType = keyof typeof eventSchemas;

/** The data of each event type. */
export type EventData = { [T in EventType]: z.infer<(typeof eventSchemas)[T]> };

/** An event before and after storage, as a union on `type`. */
export type DomainEvent = {
  [T in EventType]: { readonly type: T; readonly data: EventData[T] };
}[EventType];

/** The events of some types only, as deciders declare what they write. */
export type EventOf<T extends EventType> = Extract<DomainEvent, { type: T }>;

export type ConcertEvent = EventOf<
  | 'ConcertRegistered'
  | 'ConcertRevised'
  | 'SessionScheduled'
  | 'SessionRescheduled'
  | 'SessionCancelled'
>;
export type CatalogEvent = EventOf<'SessionsClaimed'>;
export type SeatEvent = EventOf<'SeatReserved' | 'SeatSold' | 'SeatReleased'>;
export type OrderEvent = EventOf<
  'OrderPlaced' | 'OrderConfirmed' | 'OrderPaid' | 'OrderEnded' | 'OrderSettled'
>;
export type RequestEvent = EventOf<'RequestStarted' | 'RequestAnswered' | 'RequestAbandoned'>;
/** Events about other events. No decider and no projection uses them. */
export type SkipEvent = EventOf<'EventSkipped' | 'SkipAnnounced'>;
export type AccountEvent = EventOf<
  | 'BalanceCharged'
  | 'PaymentHeld'
  | 'PaymentCaptured'
  | 'PaymentReleased'
  | 'PaymentRefunded'
  | 'AccountSummarised'
  | 'AccountIndexed'
  | 'AccountTotalled'
>;

/** Event metadata as stored. `schemaVersion` decides how the data is read back (`upcasters.ts`). */
export interface EventMetadata {
  readonly schemaVersion: number;
  /**
   * The command's name, as in its decider. Events that were written before names were stored have
   * none.
   */
  readonly command?: string | undefined;
  readonly commandId?: string | undefined;
  readonly correlationId?: string | undefined;
  readonly causationId?: string | undefined;
  readonly actor?: string | undefined;
  readonly traceparent?: string | undefined;
  readonly recordedAt?: string | undefined; // when it was recorded before a restore
}
