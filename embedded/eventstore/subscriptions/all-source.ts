import type { ReadOptions } from '../codec/read-request.ts';
import { checkpointReached } from '../codec/responses.ts';
import type { CommittedEvent, EventLog, StoredAt } from '../log/log.ts';
import { beforeAll, compare, firstFrom, type LogPosition, placeOf } from '../log/position.ts';
import { type EventFilter, eventFilter, matchesStored } from './filter.ts';
import { type CheckpointManner, Search, type SearchOptions } from './search.ts';
import type { Sink, Source } from './source.ts';

interface Filtering {
  readonly matches: EventFilter;
  readonly search: SearchOptions;
}

/**
 * A subscription to `$all`. With a filter, it sends the selected events, and checkpoints that show
 * how far the search is.
 */
export class AllSource implements Source {
  readonly stream = undefined;
  /**
   * The event or checkpoint that was sent last. All later events must still be sent. No checkpoint
   * may be before it.
   */
  #sent: LogPosition;
  /** Where the next page of history begins. */
  #next = 0;
  #isPlace = true;
  #search: Search | undefined;
  /** Checkpoints only go forward. */
  #lastCheckpoint: LogPosition | undefined;
  /**
   * The number of events since the last live checkpoint, including those that were read from
   * history.
   */
  #sinceCheckpoint = 0;
  readonly #filtering: Filtering | undefined;
  readonly #sink: Sink;
  readonly #log: EventLog;

  constructor(sink: Sink, log: EventLog, options: ReadOptions, manner: CheckpointManner) {
    this.#sink = sink;
    this.#log = log;
    const { position, filter } = options;
    if (filter !== undefined) {
      const { window, checkpointInterval } = filter;
      const search = { manner, window, checkpointInterval };
      this.#filtering = { matches: eventFilter(filter), search };
    }
    if (position === 'end') this.#sent = placeOf(log.head);
    else this.#sent = position === 'start' ? beforeAll : position;
  }

  get isAtHead(): boolean {
    return compare(this.#sent, placeOf(this.#log.head)) >= 0;
  }

  begin(): void {
    // The event that was sent last is read once more: the first page of a search begins with it.
    this.#next = firstFrom(this.#sent);
    this.#isPlace = this.#sent.commit < 0 || this.#log.isPlace(this.#sent, false);
    this.#search = this.#filtering && new Search(this.#filtering.search, this.#sent);
  }

  sendPage(): 'more' | 'at-head' | 'invalid' {
    if (!this.#isPlace) return 'invalid';
    const page = this.#log.pageOfAll(this.#next, false);
    for (const stored of page) this.#consider(stored);
    if (page.length > 0 || this.#log.head >= this.#next) return 'more';
    if (this.#search) this.#checkpoint(this.#search.end(this.#sent));
    return 'at-head';
  }

  #consider(stored: StoredAt): void {
    const { position, message } = stored;
    this.#next = position + message.length;
    const isMatch =
      this.#filtering === undefined || matchesStored(this.#filtering.matches, message);
    if (isMatch) this.#send(stored, 'history');
    const checkpoint = this.#search?.considers(this.#next, isMatch, this.#sent);
    if (checkpoint) this.#checkpoint(checkpoint);
  }

  live(event: CommittedEvent): 'more' {
    const filtering = this.#filtering;
    if (filtering === undefined || filtering.matches(event.stream, event.type))
      this.#send(event, 'live');
    if (filtering === undefined) return 'more';
    if (++this.#sinceCheckpoint < filtering.search.checkpointInterval) return 'more';
    this.#sinceCheckpoint = 0;
    const place = placeOf(event.position);
    if (compare(place, this.#sent) >= 0) this.#checkpoint(place);
    return 'more';
  }

  missed(count: number): void {
    if (this.#filtering === undefined) return;
    this.#sinceCheckpoint =
      (this.#sinceCheckpoint + count) % this.#filtering.search.checkpointInterval;
  }

  fellBehind(): void {
    if (this.#filtering) this.#checkpoint(this.#sent);
  }

  /** Sends an event that comes after what was sent. */
  #send(event: StoredAt, from: 'history' | 'live'): void {
    const place = placeOf(event.position);
    if (compare(place, this.#sent) <= 0) return;
    this.#sent = place;
    this.#sink.deliver(event, from);
  }

  #checkpoint(place: LogPosition): void {
    this.#sent = place;
    if (this.#lastCheckpoint && compare(place, this.#lastCheckpoint) <= 0) return;
    const isNowhere = compare(place, beforeAll) === 0;
    if (isNowhere && this.#filtering?.search.manner !== '24.10.4') return;
    // In the protocol, "before all" is the largest possible position, and no position can come
    // after it.
    this.#lastCheckpoint = isNowhere ? placeOf(Number.POSITIVE_INFINITY) : place;
    this.#sink.send(checkpointReached(place));
  }
}
