import { Accounts } from './account-proof.ts';
import { Catalog } from './catalog-proof.ts';
import { Cuts } from './cuts.ts';
import {
  checkEnvelope,
  type Findings,
  isOfService,
  type LogEvent,
  type Purchase,
  Unreadable,
} from './finding.ts';
import { Orders } from './order-proof.ts';
import { unfinishedMax } from './proof-mark.ts';
import { QueueProof } from './queue-proof.ts';
import { Restores } from './restores.ts';
import { Seats } from './seat-proof.ts';
import { isMark, Skipped } from './skips.ts';

/** Figures about the log. */
export interface LogFigures {
  /** Events of the service. Other events in the log are ignored. */
  readonly events: number;
  /** Of those, events that no version could read and that an operator skipped. */
  readonly skipped: number;
  /**
   * Events on foreign streams: streams with a name like the service's, whose first event is from
   * another program.
   */
  readonly foreign: number;
  readonly seats: number;
  readonly reservations: number;
  /** Reservations of several seats at once. */
  readonly orders: number;
  readonly sold: number;
  readonly accounts: number;
  readonly payments: number;
  readonly captured: number;
  /** Payments whose money is held, and neither captured nor given back yet. */
  readonly openPayments: number;
  /** Moves of places of the waiting queue. */
  readonly queueMoves: number;
}

/**
 * Proves four facts from the events alone, in the log's order. No seat was sold twice. The buyer of
 * every sold seat has paid it once. No balance is wrong or negative. Every hold of a seat or of
 * money is resolved or recent. It shares no code with the service, so it does not repeat the
 * service's faults.
 */
export class LogProof {
  readonly #findings: Findings;
  readonly #revisions = new Map<string, bigint>();
  readonly #catalog: Catalog;
  readonly #orders: Orders;
  readonly #seats: Seats;
  readonly #accounts: Accounts;
  readonly #queue: QueueProof;
  readonly #cuts: Cuts;
  readonly #restores: Restores;
  readonly #skipped: Skipped;
  readonly #foreignStreams = new Set<string>();
  #events = 0;
  #newestMs = 0;
  #foreign = 0;

  constructor(findings: Findings, skipped: Skipped = new Skipped()) {
    this.#findings = findings;
    this.#skipped = skipped;
    const { report } = findings;
    this.#queue = new QueueProof(report, skipped);
    this.#cuts = new Cuts(report, (stream) => this.isOurs(stream));
    this.#restores = new Restores(report, (stream) => this.isOurs(stream));
    const onSold = (sale: Purchase, paymentId: string, event: LogEvent): void =>
      this.#accounts.sold(sale, paymentId, event);
    const purchases = new Map<string, Purchase>();
    const catalog = new Catalog(report);
    this.#catalog = catalog;
    this.#orders = new Orders({
      catalog,
      purchases,
      onSold,
      holdOf: (sessionId, seatId) => this.#seats.holdOf(sessionId, seatId),
      paymentStatus: (userId, paymentId) => this.#accounts.paymentStatus(userId, paymentId),
      report,
    });
    const epoch = () => this.#restores.epoch;
    this.#seats = new Seats({ catalog, orders: this.#orders, purchases, epoch, onSold, report });
    this.#accounts = new Accounts(purchases, report);
  }

  /** Is this one of the service's streams from which read models are made? */
  isOurs(stream: string): boolean {
    return this.#bookOf(stream) !== undefined;
  }

  /**
   * Checks the next event of the log.
   * @returns whether it belongs to the service, or may damage a stream of the service
   */
  see(event: LogEvent): boolean {
    const { stream, revision } = event;
    this.#cuts.see(event);
    this.#restores.see(event);
    const book = this.#bookOf(stream);
    if (stream.startsWith('queue-')) this.#queue.see(event);
    if (book === undefined) return false;
    if (this.#isForeign(event)) {
      this.#foreign += 1;
      this.#revisions.set(stream, revision);
      return false;
    }
    this.#events += 1;
    this.#newestMs = Math.max(this.#newestMs, event.createdMs);
    const expected = (this.#revisions.get(stream) ?? -1n) + 1n;
    this.#revisions.set(stream, revision);
    if (revision !== expected) {
      this.#findings.report('revision-gap', event, `${revision} where ${expected} is next`);
    }
    if (this.#skipped.has(event)) {
      this.#skipped.see(event);
      return true;
    }
    if (this.#skipped.isStale(event)) return true;
    try {
      if (!isMark(event)) checkEnvelope(event);
      if (isMark(event)) this.#skipped.mark(event, this.#findings.report);
      else book.see(event);
    } catch (error) {
      if (!(error instanceof Unreadable)) throw error;
      this.#findings.report('unreadable', event, `${event.type}: ${error.message}`);
    }
    return true;
  }

  /** The epoch of a restored log; undefined if the log was never restored. */
  get epoch(): string | undefined {
    return this.#restores.epoch;
  }

  /**
   * The streams with unfinished work. If nobody finishes this work in time, they become wrong
   * without a new event. Undefined if there are more streams than a mark may name.
   */
  unfinished(): string[] | undefined {
    const streams = new Set<string>();
    for (const book of [this.#seats, this.#orders, this.#accounts]) {
      for (const stream of book.unfinished()) {
        streams.add(stream);
        if (streams.size > unfinishedMax) return undefined;
      }
    }
    return [...streams];
  }

  /**
   * The time of the newest event of the service; 0 if there is none. Other programs, and the store
   * itself, may continue to write.
   */
  get newestMs(): number {
    return this.#newestMs;
  }

  /** Is it a foreign event on a foreign stream? */
  #isForeign(event: LogEvent): boolean {
    if (isOfService(event)) return false;
    // The store's own event on a deleted stream does not say who owned the stream.
    const isFirst = !this.#revisions.has(event.stream) && !event.type.startsWith('$');
    if (isFirst) this.#foreignStreams.add(event.stream);
    return this.#foreignStreams.has(event.stream);
  }

  /**
   * Called after the last event. A hold counts as recent until `graceMs` after its end. A payment,
   * or a step of an order, counts as recent until `graceMs` after it was written.
   */
  conclude(nowMs: number, graceMs: number): LogFigures {
    this.#catalog.conclude();
    for (const book of [this.#seats, this.#orders, this.#accounts]) book.conclude(nowMs - graceMs);
    this.#cuts.conclude();
    this.#restores.conclude();
    const statuses = new Map<string, number>();
    let payments = 0;
    for (const { status } of this.#accounts.payments()) {
      payments += 1;
      statuses.set(status, (statuses.get(status) ?? 0) + 1);
    }
    return {
      events: this.#events,
      skipped: this.#skipped.count,
      foreign: this.#foreign,
      seats: this.#seats.count,
      reservations: this.#seats.reservations,
      orders: this.#orders.count,
      sold: this.#seats.sold,
      accounts: this.#accounts.count,
      payments,
      captured: statuses.get('captured') ?? 0,
      openPayments: statuses.get('held') ?? 0,
      queueMoves: this.#queue.moves,
    };
  }

  #bookOf(stream: string): { see(event: LogEvent): void } | undefined {
    if (stream.startsWith('seat-')) return this.#seats;
    if (stream.startsWith('order-')) return this.#orders;
    if (stream.startsWith('account-')) return this.#accounts;
    if (stream.startsWith('concert-')) return this.#catalog;
    return undefined;
  }
}
