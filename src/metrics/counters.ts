import { Counter, Histogram, type Registry } from 'prom-client';
import type { AnswerCounts } from '../http/endpoint.ts';

/** The buckets for requests, in seconds. 0.2, 0.3 and 0.5 are the limits of a load run. */
const requestBounds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 1, 2.5, 5, 10];

/**
 * The buckets for appends, in seconds: close together around the few milliseconds of an append,
 * coarse above.
 */
const appendBounds = [
  0.0005, 0.001, 0.002, 0.003, 0.005, 0.0075, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5,
];

/** The buckets for the lag, in seconds: close together around its limit of 100 ms, coarse above. */
const lagBounds = [
  0.005, 0.01, 0.015, 0.02, 0.025, 0.03, 0.04, 0.05, 0.06, 0.08, 0.1, 0.15, 0.2, 0.3, 0.5, 1, 2.5,
  5, 10, 30,
];

/** Servers that a service starts itself. */
export const embeddedServers = ['eventstore', 'postgres'] as const;
/** Processes that a service starts itself. */
export type StartedProcess = (typeof embeddedServers)[number] | 'worker';

/**
 * Counts restarts.
 * @param servers their counters are 0 before the first restart
 */
export function countRestarts(
  registry: Registry,
  servers: readonly StartedProcess[],
): Counter<'server'> {
  const restarts = new Counter({
    name: 'reprise_embedded_restarts_total',
    help: 'Restarts of an embedded server that had ended by itself.',
    labelNames: ['server'] as const,
    registers: [registry],
  });
  for (const server of servers) restarts.inc({ server }, 0);
  return restarts;
}

/** The result of an append. `failed`: it is unknown whether the store wrote it. */
export type AppendOutcome = 'written' | 'conflict' | 'failed';

/**
 * Everything that a service counts when it happens, since the start. A label's values come from
 * fixed lists: names of calls, statuses, codes, outcomes; never an id.
 */
export class Counters implements AnswerCounts {
  readonly #requests: Counter<'call' | 'status'>;
  readonly #durations: Histogram<'call'>;
  readonly #problems: Counter<'code'>;
  readonly #queueFull: Counter;
  readonly #admissions: Counter;
  readonly #roomAdmissions: Counter<'room'>;
  readonly #appends: Histogram<'result'>;
  readonly #conflicts: Counter;
  readonly #reservations: Counter<'outcome'>;
  readonly #payments: Counter<'outcome'>;
  readonly #cancellations: Counter<'outcome'>;
  readonly #refunds: Counter<'outcome'>;
  readonly #restarts: Counter<'server'>;
  readonly #lag: Histogram;

  constructor(registry: Registry) {
    const counter = <L extends string>(name: string, help: string, ...labelNames: L[]) =>
      new Counter<L>({ name: `reprise_${name}`, help, labelNames, registers: [registry] });
    const histogram = <L extends string>(
      name: string,
      help: string,
      buckets: number[],
      ...labelNames: L[]
    ) =>
      new Histogram<L>({
        ...{ name: `reprise_${name}`, help, buckets, labelNames },
        registers: [registry],
      });
    this.#requests = counter('http_requests_total', 'Requests answered.', 'call', 'status');
    this.#durations = histogram(
      'http_request_duration_seconds',
      'Time from the headers of a request to the headers of its answer.',
      requestBounds,
      'call',
    );
    this.#problems = counter('problems_total', 'Problems answered.', 'code');
    this.#queueFull = counter('queue_full_total', 'Buyers refused because the queue was full.');
    this.#admissions = counter(
      'queue_admissions_total',
      'Buyers admitted by this instance from the line of the shop.',
    );
    this.#roomAdmissions = counter(
      'queue_room_admissions_total',
      'Buyers admitted by this instance to a room.',
      'room',
    );
    this.#appends = histogram(
      'append_duration_seconds',
      'Appends to the log, with their repetitions.',
      appendBounds,
      'result',
    );
    this.#conflicts = counter(
      'append_conflicts_total',
      'Appends refused because another writer came first.',
    );
    this.#reservations = counter(
      'reservations_total',
      'Requests for a reservation, by outcome.',
      'outcome',
    );
    this.#payments = counter('payments_total', 'Requests for a payment, by outcome.', 'outcome');
    this.#cancellations = counter(
      'cancellations_total',
      'Requests for a cancellation, by outcome.',
      'outcome',
    );
    this.#refunds = counter(
      'refunds_total',
      'Attempts to refund, by a cancellation or by the recovery.',
      'outcome',
    );
    this.#restarts = countRestarts(registry, embeddedServers);
    this.#lag = histogram(
      'live_lag_seconds',
      'Time from the append of an event until its rows are visible here.',
      lagBounds,
    );
  }

  answered(call: string, status: number, seconds: number): void {
    this.#requests.inc({ call, status }, 1);
    this.#durations.observe({ call }, seconds);
  }

  refused(code: string): void {
    this.#problems.inc({ code }, 1);
    if (code === 'queue-full') this.#queueFull.inc();
  }

  /**
   * A room was opened; '' is the line of the shop. From now on, its admissions are 0 instead of
   * unknown.
   */
  opened(room: string): void {
    if (room !== '') this.#roomAdmissions.inc({ room }, 0);
  }

  /** @param kind the kind of a move of the queue; only `admitted` is counted */
  moved(kind: string, room: string): void {
    if (kind !== 'admitted') return;
    if (room === '') this.#admissions.inc();
    else this.#roomAdmissions.inc({ room });
  }

  appended(result: AppendOutcome, seconds: number): void {
    this.#appends.observe({ result }, seconds);
    if (result === 'conflict') this.#conflicts.inc();
  }

  /** @param outcome `held`, a refusal's code, or `error` */
  reserved(outcome: string): void {
    this.#reservations.inc({ outcome }, 1);
  }

  /** @param outcome `paid`, a refusal's code, or `error` */
  paid(outcome: string): void {
    this.#payments.inc({ outcome }, 1);
  }

  /** @param outcome `cancelled`, `refunded`, a refusal's code, or `error` */
  cancelled(outcome: string): void {
    this.#cancellations.inc({ outcome }, 1);
    if (outcome === 'refunded') this.refunded(outcome);
  }

  /** @param outcome `refunded`, or a refusal's code */
  refunded(outcome: string): void {
    this.#refunds.inc({ outcome }, 1);
  }

  restarted(server: StartedProcess): void {
    this.#restarts.inc({ server }, 1);
  }

  /** An event became visible this long after its append. */
  shown(seconds: number): void {
    this.#lag.observe(seconds);
  }
}
