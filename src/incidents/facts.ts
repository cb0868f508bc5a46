import { z } from 'zod';
import { impacts, severities } from './record.ts';

/**
 * The measured facts of an incident: `facts.json`. Every report of the incident is written from
 * this object, so no two reports can differ. Times are ISO 8601 in UTC, money is whole minor units.
 * A value that could not be measured is null, never 0, and `unknown` says why.
 */

const at = z.iso.datetime();
const count = z.number().int().min(0);
const seconds = z.number().min(0);

/** The events of the log before, during or after the incident. */
const phase = z.object({
  seconds,
  events: count,
  reserved: count,
  sold: count,
  soldPerMinute: z.number().min(0),
});

const place = z.object({
  at,
  /** The event as `revision@stream`, and its position in the log. */
  event: z.string(),
  position: z.string(),
  requestId: z.string().optional(),
});

const logFacts = z.object({
  events: count,
  before: phase,
  during: phase,
  after: phase,
  /** The numbers for each piece of the time around the incident. */
  series: z.object({
    startsAt: at,
    bucketSeconds: z.number(),
    reserved: z.array(count),
    sold: z.array(count),
  }),
  /** The longest times without any event that overlap the incident. */
  silences: z.array(z.object({ seconds, from: place, until: place })),
  holds: z.object({
    /** Holds of the incident's time that ended before a payment. */
    ranOut: count,
    /** Buyers who lost such a hold, and how many of them bought a seat afterwards. */
    buyers: count,
    boughtLater: count,
    /** The same number for an equally long time right before. */
    ranOutBefore: count,
    listed: z.array(place.extend({ reservationId: z.string(), userId: z.string() })),
  }),
  payments: z.object({
    begun: count,
    /** Payments that began and were not settled within some seconds. */
    leftHalfWay: count,
    /** Of these, payments that are still not settled. */
    unsettled: count,
    longestSeconds: seconds,
    lastSettledAt: at.nullable(),
    listed: z.array(
      place.extend({
        paymentId: z.string(),
        settledAt: at.nullable(),
        outcome: z.enum(['captured', 'released']).nullable(),
        seconds: seconds.nullable(),
      }),
    ),
  }),
  money: z.array(
    z.object({
      currency: z.string(),
      charged: count,
      held: count,
      captured: count,
      released: count,
      refunded: count,
    }),
  ),
});

const requestFacts = z.object({
  /** The source of the numbers. `at least`: some failures left no trace there. */
  source: z.enum(['alarm', 'buyers', 'service-log']),
  isAtLeast: z.boolean(),
  total: count,
  failed: count,
  /** Reservations and payments; null if the source does not distinguish them. */
  purchases: z.object({ total: count, failed: count }).nullable(),
  byCode: z.array(z.object({ code: z.string(), count })),
  /** The longest time without a successful purchase, if known. */
  longestWithoutSuccess: seconds.nullable(),
  slowestSeconds: seconds.nullable(),
  series: z.object({
    startsAt: at,
    bucketSeconds: z.number(),
    total: z.array(count),
    failed: z.array(count),
  }),
});

const lines = z.object({
  began: at,
  noticed: at.nullable(),
  /** The alarm that noticed it, or `people`. */
  noticedBy: z.string().nullable(),
  acknowledged: at.nullable(),
  eased: at.nullable(),
  ended: at.nullable(),
});

/** The reasons for the severity of an incident. */
const whyCodes = [
  ...(['violations', 'facts-missing', 'most-failed', 'many-failed', 'failed'] as const),
  ...(['standstill', 'holds', 'unsettled', 'half-way', 'nothing'] as const),
] as const;

export const factsSchema = z.object({
  format: z.literal(1),
  incident: z.string(),
  collectedAt: at,
  lines,
  durations: z.object({
    detect: seconds.nullable(),
    acknowledge: seconds.nullable(),
    mitigate: seconds.nullable(),
    recover: seconds.nullable(),
  }),
  severity: z.object({
    measured: z.enum(severities),
    why: z.array(z.object({ code: z.enum(whyCodes), value: z.number() })),
  }),
  impact: z.enum(impacts),
  alarms: z
    .array(
      z.object({
        name: z.string(),
        severity: z.string(),
        firedAt: at,
        activeAt: at,
        resolvedAt: at.nullable(),
        summary: z.object({ en: z.string(), ko: z.string() }),
      }),
    )
    .nullable(),
  requests: requestFacts.nullable(),
  log: logFacts.nullable(),
  proof: z
    .object({
      at,
      events: count,
      seatsSold: count,
      payments: count,
      violations: count,
      /** Violations by their code. */
      byCode: z.record(z.string(), count),
      doubleSales: count,
      rowsCompared: z.boolean(),
    })
    .nullable(),
  /** The answers that buyers got, compared with the log. Only a drill knows all answers. */
  acknowledged: z.object({ facts: count, missing: z.array(z.string()) }).nullable(),
  versions: z.array(z.object({ version: z.string(), from: at, until: at })),
  restarts: z.array(z.object({ at, what: z.string() })),
  /** The values that could not be measured, and the reasons. */
  unknown: z.array(z.object({ what: z.string(), why: z.string() })),
});

export type Facts = z.infer<typeof factsSchema>;
export type LogFacts = z.infer<typeof logFacts>;
export type RequestFacts = z.infer<typeof requestFacts>;
export type Lines = z.infer<typeof lines>;
export type Place = z.infer<typeof place>;

/** The time around an incident, in milliseconds since the epoch. */
export interface Span {
  /** The start of the time before, with which the incident is compared. */
  readonly beforeMs: number;
  readonly beganMs: number;
  readonly endedMs: number;
  /** The end of the span. */
  readonly afterMs: number;
}

/** Shortest and longest time before and after an incident that it is compared with, in ms. */
const aroundMsMin = 30_000;
const aroundMsMax = 3_600_000;

/**
 * The time around an incident. The time before it, and the time after it, are as long as the
 * incident, within bounds.
 */
export function spanOf(beganMs: number, endedMs: number, nowMs: number): Span {
  const aroundMs = Math.min(aroundMsMax, Math.max(aroundMsMin, endedMs - beganMs));
  return {
    ...{ beforeMs: beganMs - aroundMs, beganMs, endedMs },
    afterMs: Math.max(endedMs, Math.min(nowMs, endedMs + aroundMs)),
  };
}

/** Pieces of a span that a plot can show. */
const bucketsMax = 120;
const bucketSizes = [1, 2, 5, 10, 30, 60, 300, 900, 3_600];

/** The length of a piece of the span, in seconds. */
export function bucketSecondsOf({ beforeMs, afterMs }: Span): number {
  const seconds = (afterMs - beforeMs) / 1_000;
  const fits = bucketSizes.find((size) => seconds / size <= bucketsMax);
  return fits ?? Math.ceil(seconds / bucketsMax / 3_600) * 3_600;
}

/** Numbers by pieces of a span. */
export class Series {
  readonly startsMs: number;
  readonly bucketSeconds: number;
  readonly counts: number[];

  constructor(span: Span) {
    this.startsMs = span.beforeMs;
    this.bucketSeconds = bucketSecondsOf(span);
    const pieces = Math.ceil((span.afterMs - span.beforeMs) / 1_000 / this.bucketSeconds);
    this.counts = new Array<number>(Math.max(1, pieces)).fill(0);
  }

  /** A time outside of the span is not counted. */
  add(atMs: number, howMany = 1): void {
    const index = Math.floor((atMs - this.startsMs) / 1_000 / this.bucketSeconds);
    const now = this.counts[index];
    if (now !== undefined) this.counts[index] = now + howMany;
  }
}
