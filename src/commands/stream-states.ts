import { decode, type RecordedEvent } from '../events/codec.ts';
import type { DomainEvent } from '../events/events.ts';
import type { Decider } from './decider.ts';
import { type EventStore, type ExpectedRevision, withNothingWritten } from './event-store.ts';

/** A stream's state at a revision. */
export interface Loaded<State> {
  readonly state: State;
  readonly revision: ExpectedRevision;
  /** Position of the stream's last event; null while it has none, and when the state is only assumed. */
  readonly position: bigint | null;
  /** For deciders that sum up. */
  readonly toSum: ToSum;
}

/** What a stream has that no summary tells. */
interface ToSum {
  /** Events after the last summary. */
  readonly events: number;
  /** Those that there were when a summary was last wanted and it was no time for it: to look costs as much as there is. */
  readonly refusedAt: number;
}

const nothingToSum: ToSum = { events: 0, refusedAt: 0 };

/** A stream as it may be, by somebody who need not be right: an append after this revision proves it. */
export interface Assumed<State> {
  /** What the stream's events up to `revision` make, if it has no more of them. */
  readonly state: State;
  readonly revision: bigint;
}

/** Makes the states of one kind of stream out of their events. */
export class StreamStates<State, Event extends DomainEvent> {
  private readonly store: Pick<EventStore, 'readStream' | 'readBackwards'>;
  private readonly decider: Pick<
    Decider<State, never, Event, unknown>,
    'initial' | 'evolve' | 'summary'
  >;

  constructor(
    store: StreamStates<State, Event>['store'],
    decider: StreamStates<State, Event>['decider'],
  ) {
    this.store = store;
    this.decider = decider;
  }

  /** Of a stream that has no events. */
  unread(): Loaded<State> {
    const { initial: state } = this.decider;
    return { state, revision: 'no_stream', position: null, toSum: nothingToSum };
  }

  assumed(assumed: Assumed<State>): Loaded<State> {
    return { ...assumed, position: null, toSum: nothingToSum };
  }

  /**
   * Reads from where `from` ends to the stream's end; from scratch, no further back than its last summary.
   * @throws EventStoreUnavailable, UnreadableEvent
   */
  async readOn(stream: string, from: Loaded<State> | undefined): Promise<Loaded<State>> {
    try {
      return await this.read(stream, from);
    } catch (error) {
      throw withNothingWritten(error);
    }
  }

  /** What an event that is about to be appended leaves to sum up. */
  counted(toSum: ToSum, { type }: Pick<DomainEvent, 'type'>): ToSum {
    if (type === this.decider.summary?.type) return nothingToSum;
    return { ...toSum, events: toSum.events + 1 };
  }

  /** Is it time to sum the stream up? Then the summary, unless the state says that it is not. */
  summed(state: State, toSum: ToSum): { readonly event: Event | undefined; readonly toSum: ToSum } {
    const { summary } = this.decider;
    if (summary === undefined || toSum.events - toSum.refusedAt < summary.everyEvents) {
      return { event: undefined, toSum };
    }
    const event = summary.of(state);
    return { event, toSum: event === undefined ? { ...toSum, refusedAt: toSum.events } : toSum };
  }

  private async read(stream: string, from: Loaded<State> | undefined): Promise<Loaded<State>> {
    const { summary } = this.decider;
    if (from === undefined && summary !== undefined) {
      const events: RecordedEvent[] = [];
      for await (const recorded of this.store.readBackwards(stream)) {
        events.push(recorded);
        if (recorded.type === summary.type) break;
      }
      return events.reduceRight((loaded, recorded) => this.fold(loaded, recorded), this.unread());
    }
    let loaded = from ?? this.unread();
    const next = loaded.revision === 'no_stream' ? 0n : loaded.revision + 1n;
    for await (const recorded of this.store.readStream(stream, next)) {
      loaded = this.fold(loaded, recorded);
    }
    return loaded;
  }

  private fold(loaded: Loaded<State>, recorded: RecordedEvent): Loaded<State> {
    const event = decode(recorded) as unknown as Event;
    const state = this.decider.evolve(loaded.state, event);
    const toSum = this.counted(loaded.toSum, event);
    return { state, revision: recorded.revision, position: recorded.position, toSum };
  }
}
