import type { JournalLine } from '../alarm/journal.ts';
import { type RequestFacts, Series, type Span } from './facts.ts';

/** Requests in a span of time, as detailed as their source is. */
export interface RequestSample {
  /** Milliseconds since the epoch. */
  readonly fromMs: number;
  readonly untilMs: number;
  readonly total: number;
  /** Requests with a 5xx answer or without an answer. */
  readonly failed: number;
  /** Reservations and payments. */
  readonly purchases?: { readonly total: number; readonly failed: number };
  /** Failures by code. */
  readonly byCode: Readonly<Record<string, number>>;
}

/** The calls that buy, by their names in the API's description. */
const purchaseCalls = ['reserveSeat', 'payReservation'];

/** Adds up the samples of an incident's time. */
export function requestFacts(
  samples: readonly RequestSample[],
  span: Span,
  source: Pick<RequestFacts, 'source' | 'isAtLeast'> &
    Partial<Pick<RequestFacts, 'longestWithoutSuccess' | 'slowestSeconds'>>,
): RequestFacts | null {
  const inside = samples.filter(
    ({ fromMs, untilMs }) => untilMs >= span.beganMs && fromMs <= span.endedMs,
  );
  if (inside.length === 0) return null;
  const [total, failed] = [new Series(span), new Series(span)];
  for (const sample of samples) {
    const middleMs = (sample.fromMs + sample.untilMs) / 2;
    total.add(middleMs, sample.total);
    failed.add(middleMs, sample.failed);
  }
  const byCode = new Map<string, number>();
  for (const sample of inside) {
    for (const [code, count] of Object.entries(sample.byCode)) {
      if (count > 0) byCode.set(code, (byCode.get(code) ?? 0) + count);
    }
  }
  const isSplit = inside.every(({ purchases }) => purchases !== undefined);
  return {
    longestWithoutSuccess: null,
    slowestSeconds: null,
    ...source,
    total: sum(inside, (one) => one.total),
    failed: sum(inside, (one) => one.failed),
    purchases: isSplit
      ? {
          total: sum(inside, ({ purchases }) => purchases?.total ?? 0),
          failed: sum(inside, ({ purchases }) => purchases?.failed ?? 0),
        }
      : null,
    byCode: [...byCode]
      .map(([code, count]) => ({ code, count }))
      .sort((a, b) => b.count - a.count || (a.code < b.code ? -1 : 1)),
    series: {
      startsAt: new Date(total.startsMs).toISOString(),
      bucketSeconds: total.bucketSeconds,
      total: total.counts,
      failed: failed.counts,
    },
  };
}

const sum = (samples: readonly RequestSample[], of: (sample: RequestSample) => number): number =>
  samples.reduce((total, sample) => total + of(sample), 0);

const total = (counts: Readonly<Record<string, number>> = {}): number =>
  Object.values(counts).reduce((all, count) => all + count, 0);

/**
 * The alarm's samples of all instances.
 * @param isFailure is a problem's code a failure of the service, and not a correct refusal?
 */
export function samplesOf(
  journal: readonly JournalLine[],
  isFailure: (code: string) => boolean,
): RequestSample[] {
  return journal.flatMap((line) => {
    if (line.kind !== 'sample' || line.requests === undefined) return [];
    const untilMs = Date.parse(line.at);
    const failedPurchases = purchaseCalls.reduce(
      (all, call) => all + (line.failedByCall?.[call] ?? 0),
      0,
    );
    const asked = total(line.reservations) + total(line.payments);
    return [
      {
        fromMs: untilMs - line.seconds * 1_000,
        untilMs,
        total: line.requests,
        failed: line.failed ?? 0,
        // A purchase that was refused before its decision has no outcome.
        purchases: { total: Math.max(asked, failedPurchases), failed: failedPurchases },
        byCode: Object.fromEntries(
          Object.entries(line.problems ?? {}).filter(([code]) => isFailure(code)),
        ),
      },
    ];
  });
}
