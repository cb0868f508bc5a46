import { accountDecider } from '../commands/account/decider.ts';
import type { AccountState } from '../commands/account/evolve.ts';
import type { EventStore } from '../commands/core/event-store.ts';
import { decode, decodeAs, type RecordedEvent, UnreadableEvent } from '../events/codec.ts';
import type { AccountEvent } from '../events/events.ts';
import { isMark, Skips, skipIn } from '../events/skipped.ts';
import { accountSays, type RowSamples, type Sample, seatSays } from '../queries/row-samples.ts';
import { eachLimited } from '../support/concurrency.ts';
import { type ProcessParts, repeat } from './repeat.ts';

/** The time from one sample to the next, in milliseconds. */
const idleMs = 10_000;
/**
 * Streams of one sample, of three kinds: recent appends of this process, the next ones of the walk
 * over all rows, and unfinished work that is too old.
 */
const recentMax = 40;
const walkMax = 40;
const stuckMax = 10;
/** Unfinished work is too old after this, in milliseconds. */
const stuckMs = 60_000;
/** Streams read at the same time. */
const concurrencyMax = 2;
/** Events of a stream that are read at most. A longer stream is not compared. */
const eventsMax = 2_000;
/** The number of newest appends that are remembered. */
const rememberedMax = 2_000;
/** Wrong rows that are remembered. Further ones are not reported one by one. */
const wrongMax = 1_000;

/** Streams that this process has appended to lately. */
export class RecentStreams {
  /**
   * The streams of the last appends. A stream may be in the list several times, because a check per
   * append would cost more.
   */
  #appends: string[] = [];
  #at = 0;

  note(stream: string): void {
    if (!stream.startsWith('seat-') && !stream.startsWith('account-')) return;
    this.#appends[this.#at] = stream;
    this.#at = (this.#at + 1) % rememberedMax;
  }

  /** Takes some streams out, at random. */
  take(limit: number): readonly string[] {
    const all = [...new Set(this.#appends)];
    const taken = new Set<string>();
    while (taken.size < limit && all.length > 0) {
      for (const one of all.splice(Math.floor(Math.random() * all.length), 1)) taken.add(one);
    }
    this.#appends = this.#appends.filter((one) => !taken.has(one));
    this.#at = this.#appends.length % rememberedMax;
    return [...taken];
  }
}

export interface CompareParts extends ProcessParts {
  readonly store: Pick<EventStore, 'readBackwards'>;
  readonly samples: RowSamples;
  readonly recent: RecentStreams;
  /** Can rows be compared now? They can if the tables belong to the log and are not being built. */
  readonly isTime: () => boolean;
  /** Milliseconds since the epoch. Default `Date.now`. */
  readonly now?: () => number;
  readonly log: { error(facts: object, message: string): void };
  /** Default `idleMs`. */
  readonly everyMs?: number;
}

/**
 * Compares some rows with the log from time to time, at a low cost. So an unknown fault is noticed
 * in minutes, not at the next `verify`.
 */
export class RowComparison {
  /** The rows that are still wrong: by stream, the content of the row and the right content. */
  readonly wrong = new Map<string, string>();
  readonly #parts: CompareParts;
  #at: string | undefined;

  constructor(parts: CompareParts) {
    this.#parts = parts;
  }

  /** Runs until the signal aborts. Every instance may. */
  run(): Promise<void> {
    const { everyMs = idleMs } = this.#parts;
    return repeat('compare rows', () => this.round(), { ...this.#parts, idleMs: everyMs });
  }

  /** One sample. */
  async round(): Promise<'idle'> {
    const { samples, recent, isTime, now = Date.now } = this.#parts;
    if (!isTime()) return 'idle';
    const walk = await samples.next(this.#at, walkMax);
    // After the last seat come the accounts, then the seats again.
    const isOver = walk.last === undefined;
    const isOfSeats = this.#at === undefined || this.#at.startsWith('seat-');
    this.#at = isOver ? (isOfSeats ? 'account-' : undefined) : walk.last;
    await this.#compare(walk);
    await this.#compare(await samples.stuck(now() - stuckMs, stuckMax));
    await this.#compare(await samples.of(recent.take(recentMax)));
    await this.#compare(await samples.of([...this.wrong.keys()].slice(0, recentMax)));
    return 'idle';
  }

  async #compare(sample: Sample): Promise<void> {
    await eachLimited(sample.rows, concurrencyMax, async ({ stream }) => {
      if (this.#parts.signal.aborted) return;
      const found = await this.#difference(sample, stream);
      if (found === undefined) {
        this.wrong.delete(stream);
        return;
      }
      // Checked once more, with another snapshot, because a rebuild may have swapped a table in
      // between.
      const again = await this.#difference(await this.#parts.samples.of([stream]), stream);
      if (again === undefined || this.wrong.has(stream) || this.wrong.size >= wrongMax) return;
      this.wrong.set(stream, again);
      const what = 'a row is not what the log says: run reprise verify, then reprise rebuild';
      this.#parts.log.error({ stream, why: again }, what);
    });
  }

  /**
   * The difference between a stream's row and the log; undefined if there is none, or if it is
   * unknown.
   */
  async #difference(sample: Sample, stream: string): Promise<string | undefined> {
    const row = sample.rows.find((one) => one.stream === stream);
    if (row === undefined || sample.upTo === null) return undefined;
    const said = await this.#said(stream, sample.upTo);
    if (said === undefined || said === row.says) return undefined;
    return `the row says ${row.says}, the log says ${said}, as of position ${sample.upTo}`;
  }

  /** The state of a stream at a position by the log; undefined if it is unknown. */
  async #said(stream: string, upTo: bigint): Promise<string | undefined> {
    const isSeat = stream.startsWith('seat-');
    const events: RecordedEvent[] = [];
    const skips = new Skips();
    let read = 0;
    try {
      for await (const event of this.#parts.store.readBackwards(stream)) {
        read += 1;
        if (read > eventsMax) return undefined;
        // This includes a skip that the tables have not reached. A skipped event is in no table, or
        // its stream is parked.
        const skip = skipIn(event);
        if (skip !== undefined) skips.add(skip);
        if (event.position > upTo || isMark(event) || skips.has(event)) continue;
        const isSummary = !isSeat && summaries.has(event.type);
        // The summary may include an event that was skipped later.
        if (isSummary && [...skips].some(({ revision }) => revision < event.revision)) continue;
        events.push(event);
        if (isSeat || isSummary) break;
      }
      return isSeat ? seatSaid(events[0]) : accountSaid(events);
    } catch (error) {
      // The stream is parked, or will soon be.
      if (error instanceof UnreadableEvent) return undefined;
      throw error;
    }
  }
}

const summaries: ReadonlySet<string> = new Set(accountDecider.snapshot?.types);

/** The owner of a seat by its last event. */
function seatSaid(last: RecordedEvent | undefined): string {
  if (last === undefined) return seatSays('available', null, null);
  const event = decode(last);
  switch (event.type) {
    case 'SeatReserved':
      return seatSays('held', event.data.reservationId, event.data.userId);
    case 'SeatSold':
      return seatSays('sold', event.data.reservationId, event.data.userId);
    default:
      return seatSays('available', null, null);
  }
}

/**
 * The state of an account by its events, newest first, back to its beginning or its last summary.
 */
function accountSaid(events: readonly RecordedEvent[]): string {
  const { balance, held } = events.reduceRight<AccountState>(
    (state, recorded) => accountDecider.evolve(state, decodeAs<AccountEvent>(recorded)),
    accountDecider.initial,
  );
  return accountSays(balance, held);
}
