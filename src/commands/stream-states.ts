import { setImmediate as othersTurn } from 'node:timers/promises';
import { decode, type RecordedEvent, UnreadableEvent } from '../events/codec.ts';
import type { DomainEvent } from '../events/events.ts';
import type { Decider } from './decider.ts';
import { type EventStore, type ExpectedRevision, withNothingWritten } from './event-store.ts';

/** So many events are made into a state at once; then others have their turn, however long the stream is. */
const foldEventsMax = 200;

/** A stream's state at a revision. */
export interface Loaded<State> {
  readonly state: State;
  readonly revision: ExpectedRevision;
  /** Position of the stream's last event; null while it has none, and when the state is only assumed. */
  readonly position: bigint | null;
  /** Which event that is, by which the stream is known again; null with the position. */
  readonly id: string | null;
  /** The store's when it was read, or appended to: after another one the stream has to be looked at anew. */
  readonly epoch: number;
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
  private readonly store: Pick<EventStore, 'readStream' | 'readBackwards' | 'epoch'>;
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
    const { epoch } = this.store;
    return { state, revision: 'no_stream', position: null, id: null, epoch, toSum: nothingToSum };
  }

  assumed(assumed: Assumed<State>): Loaded<State> {
    const { epoch } = this.store;
    return { ...assumed, position: null, id: null, epoch, toSum: nothingToSum };
  }

  /** May the log be another one than it was read from? */
  isDoubtful({ epoch }: Loaded<State>): boolean {
    return epoch !== this.store.epoch;
  }

  /**
   * Reads from where `from` ends to the stream's end; from scratch, no further back than its last summary. What the stream
   * does not have any more where `from` has it is forgotten, and all is read from scratch: the log was exchanged.
   * @throws EventStoreUnavailable. UnreadableEvent, also for a stream whose beginning is gone: nothing can be decided on it
   */
  async readOn(stream: string, from: Loaded<State> | undefined): Promise<Loaded<State>> {
    try {
      return (from && (await this.readAfter(stream, from))) ?? (await this.readAll(stream));
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

  /** Undefined when the stream does not have the last event of `from` where it was. */
  private async readAfter(stream: string, from: Loaded<State>): Promise<Loaded<State> | undefined> {
    const { revision, id, state, toSum } = from;
    if (revision === 'no_stream' || id === null) return undefined;
    let loaded: Loaded<State> | undefined;
    const { epoch } = this.store;
    for await (const recorded of this.store.readStream(stream, revision)) {
      if (loaded !== undefined) loaded = this.fold(loaded, recorded);
      else if (recorded.revision !== revision || recorded.id !== id) return undefined;
      else loaded = { state, revision, position: recorded.position, id, epoch, toSum };
    }
    return loaded;
  }

  private async readAll(stream: string): Promise<Loaded<State>> {
    const { summary } = this.decider;
    let loaded = this.unread();
    if (summary === undefined) {
      for await (const recorded of this.store.readStream(stream)) {
        if (loaded.revision === 'no_stream') assertBeginning(recorded);
        loaded = this.fold(loaded, recorded);
        if (loaded.toSum.events % foldEventsMax === 0) await othersTurn();
      }
      return loaded;
    }
    const events: RecordedEvent[] = [];
    for await (const recorded of this.store.readBackwards(stream)) {
      events.push(recorded);
      if (recorded.type === summary.type) break;
      if (events.length % foldEventsMax === 0) await othersTurn();
    }
    const first = events.at(-1);
    if (first !== undefined && first.type !== summary.type) assertBeginning(first);
    for (let recorded = events.pop(); recorded !== undefined; recorded = events.pop()) {
      loaded = this.fold(loaded, recorded);
      if (events.length > 0 && events.length % foldEventsMax === 0) await othersTurn();
    }
    return loaded;
  }

  private fold(loaded: Loaded<State>, recorded: RecordedEvent): Loaded<State> {
    const event = decode(recorded) as unknown as Event;
    const state = this.decider.evolve(loaded.state, event);
    const toSum = this.counted(loaded.toSum, event);
    const { revision, position, id } = recorded;
    return { state, revision, position, id, epoch: loaded.epoch, toSum };
  }
}

/** A stream that was deleted, truncated or given a limit is no new one. @throws UnreadableEvent */
function assertBeginning(first: RecordedEvent): void {
  if (first.revision === 0n) return;
  throw new UnreadableEvent(
    first,
    'its stream does not begin at its beginning: events before it are gone',
  );
}
