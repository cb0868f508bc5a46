import { decode, type RecordedEvent, type StoredEvent, UnreadableEvent } from '../events/codec.ts';
import { type LogFacts, Series, type Span } from './facts.ts';
import { HoldsInTime } from './holds-in-time.ts';
import { PaymentsInTime } from './payments-in-time.ts';
import { placeIn } from './place-in.ts';

/** A time without any event is reported if it is at least this long, in milliseconds. */
const silenceMs = 1_000;
/** The number of longest silences that are reported. */
const silencesMax = 5;

type Phase = 'before' | 'during' | 'after';
interface Silence {
  readonly ms: number;
  readonly from: RecordedEvent;
  readonly until: RecordedEvent;
}

/**
 * Finds in the log the effects of an incident on the sale. It needs the whole log in its order,
 * because a hold or a payment that an incident interrupted began before the incident.
 */
export class LogFactsCollector {
  readonly #span: Span;
  readonly #reserved: Series;
  readonly #sold: Series;
  readonly #holds: HoldsInTime;
  readonly #payments: PaymentsInTime;
  readonly #counts: Record<Phase, { events: number; reserved: number; sold: number }>;
  readonly #silences: Silence[] = [];
  #last: RecordedEvent | undefined;

  constructor(span: Span) {
    this.#span = span;
    this.#reserved = new Series(span);
    this.#sold = new Series(span);
    this.#holds = new HoldsInTime(span);
    this.#payments = new PaymentsInTime(span);
    const none = () => ({ events: 0, reserved: 0, sold: 0 });
    this.#counts = { before: none(), during: none(), after: none() };
  }

  /** An unreadable event counts as an event. It gives no other fact. */
  see(recorded: RecordedEvent): void {
    this.#listen(recorded);
    const phase = this.#phaseOf(recorded.createdMs);
    if (phase !== undefined) this.#counts[phase].events += 1;
    try {
      const event = decode(recorded);
      this.#count(event, phase);
      this.#holds.see(event);
      this.#payments.see(event);
    } catch (error) {
      if (!(error instanceof UnreadableEvent)) throw error;
    }
  }

  conclude(): LogFacts {
    const { beforeMs, beganMs, endedMs, afterMs } = this.#span;
    const { before, during, after } = this.#counts;
    const silences = this.#silences.sort((a, b) => b.ms - a.ms).slice(0, silencesMax);
    return {
      events: before.events + during.events + after.events,
      before: { ...before, ...rateOf(before.sold, beganMs - beforeMs) },
      during: { ...during, ...rateOf(during.sold, endedMs - beganMs) },
      after: { ...after, ...rateOf(after.sold, afterMs - endedMs) },
      series: {
        startsAt: new Date(this.#sold.startsMs).toISOString(),
        bucketSeconds: this.#sold.bucketSeconds,
        reserved: this.#reserved.counts,
        sold: this.#sold.counts,
      },
      silences: silences.map(({ ms, from, until }) => ({
        seconds: ms / 1_000,
        from: placeIn(from),
        until: placeIn(until),
      })),
      holds: this.#holds.conclude(),
      ...this.#payments.conclude(),
    };
  }

  #count({ type, createdMs }: StoredEvent, phase: Phase | undefined): void {
    if (type !== 'SeatReserved' && type !== 'SeatSold') return;
    const what = type === 'SeatSold' ? 'sold' : 'reserved';
    (type === 'SeatSold' ? this.#sold : this.#reserved).add(createdMs);
    if (phase !== undefined) this.#counts[phase][what] += 1;
  }

  #listen(event: RecordedEvent): void {
    const from = this.#last;
    this.#last = event;
    if (from === undefined) return;
    const { beganMs, endedMs } = this.#span;
    const ms = event.createdMs - from.createdMs;
    const isOfIncident = event.createdMs >= beganMs && from.createdMs <= endedMs;
    if (!isOfIncident || ms < silenceMs) return;
    this.#silences.push({ ms, from, until: event });
    // A long incident on a quiet day has very many: the longest are enough.
    if (this.#silences.length > 100 * silencesMax) {
      this.#silences.sort((a, b) => b.ms - a.ms).splice(silencesMax);
    }
  }

  #phaseOf(atMs: number): Phase | undefined {
    const { beforeMs, beganMs, endedMs, afterMs } = this.#span;
    if (atMs < beforeMs || atMs > afterMs) return undefined;
    if (atMs < beganMs) return 'before';
    return atMs <= endedMs ? 'during' : 'after';
  }
}

function rateOf(sold: number, ms: number): { seconds: number; soldPerMinute: number } {
  const seconds = Math.max(0, ms / 1_000);
  return { seconds, soldPerMinute: seconds === 0 ? 0 : round((sold * 60) / seconds) };
}

const round = (value: number): number => Math.round(value * 10) / 10;
