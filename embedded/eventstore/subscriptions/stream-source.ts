import { maxRevision } from '../codec/wire.ts';
import type { CommittedEvent, EventLog } from '../log/log.ts';
import { pageOfStream, stateOf } from '../streams/read.ts';
import type { Sink, Source } from './source.ts';

/** One stream. */
export class StreamSource implements Source {
  readonly stream: string;
  /** The last revision that was considered. */
  #cursor: number;
  readonly #sink: Sink;
  readonly #log: EventLog;

  constructor(sink: Sink, log: EventLog, stream: string, from: number | 'start' | 'end') {
    this.#sink = sink;
    this.#log = log;
    this.stream = stream;
    if (from === 'end') this.#cursor = log.headOf(stream).last;
    else this.#cursor = from === 'start' ? -1 : from;
  }

  get isAtHead(): boolean {
    return this.#cursor >= this.#log.headOf(this.stream).last;
  }

  begin(): void {}

  sendPage(): 'more' | 'at-head' | 'deleted' {
    const state = stateOf(this.#log, this.stream);
    if (state.kind === 'deleted') return 'deleted';
    if (state.kind === 'not-found') return 'at-head';
    const page = pageOfStream(this.#log, state, this.#cursor + 1, false, Number.POSITIVE_INFINITY);
    // Skips the truncated events, which are not in the page.
    this.#cursor =
      page.next === undefined ? Math.max(this.#cursor, state.head.last) : page.next - 1;
    for (const stored of page.events) this.#sink.deliver(stored, 'history');
    return page.events.length === 0 && page.next === undefined ? 'at-head' : 'more';
  }

  live(event: CommittedEvent): 'more' | 'deleted' {
    if (event.revision <= this.#cursor) return 'more';
    this.#cursor = event.revision;
    this.#sink.deliver(event, 'live');
    return event.revision === maxRevision ? 'deleted' : 'more';
  }

  missed(): void {}

  fellBehind(): void {}
}
