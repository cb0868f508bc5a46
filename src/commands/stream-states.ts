import { setImmediate as othersTurn } from 'node:timers/promises';
import { categoryOf, notHere } from '../events/belongs.ts';
import { decode, type RecordedEvent, UnreadableEvent } from '../events/codec.ts';
import type { DomainEvent } from '../events/events.ts';
import { isMark, Skips, skipIn } from '../events/skipped.ts';
import type { Decider, Summary } from './decider.ts';
import {
  type EventStore,
  EventStoreUnavailable,
  type ExpectedRevision,
  withNothingWritten,
} from './event-store.ts';

/** So many events are made into a state at once; then others have their turn, however long the stream is. */
const foldEventsMax = 200;

/** A stream whose events are skipped is read twice; so often when more are skipped while it is read. */
const readsMax = 5;

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

  /**
   * Undefined when `from` is of no use: the stream does not have its last event where it was, or events were skipped since
   * that it may have, or one cannot be read, which may have been skipped.
   */
  private async readAfter(stream: string, from: Loaded<State>): Promise<Loaded<State> | undefined> {
    const { revision, id, state, toSum } = from;
    if (revision === 'no_stream' || id === null) return undefined;
    let loaded: Loaded<State> | undefined;
    const { epoch } = this.store;
    try {
      for await (const recorded of this.store.readStream(stream, revision)) {
        if (loaded === undefined) {
          if (recorded.revision !== revision || recorded.id !== id) return undefined;
          loaded = { state, revision, position: recorded.position, id, epoch, toSum };
        } else if (isMark(recorded)) return undefined;
        else loaded = this.fold(loaded, recorded);
      }
    } catch (error) {
      if (error instanceof UnreadableEvent) return undefined;
      throw error;
    }
    return loaded;
  }

  private async readAll(stream: string): Promise<Loaded<State>> {
    const { summary } = this.decider;
    if (summary !== undefined) return this.readBack(stream, summary);
    // What is skipped is said later in the stream: where that is new, the stream is read once more.
    let skips = new Skips();
    for (let read = 1; read <= readsMax; read += 1) {
      const { loaded, marks } = await this.readForwards(stream, skips);
      if (loaded !== undefined) return loaded;
      skips = marks;
    }
    throw new EventStoreUnavailable(`events of ${stream} were skipped again and again`);
  }

  /**
   * @returns nothing loaded when other events are skipped than was known
   * @throws UnreadableEvent for one that is not skipped
   */
  private async readForwards(
    stream: string,
    skips: Skips,
  ): Promise<{ readonly loaded: Loaded<State> | undefined; readonly marks: Skips }> {
    let loaded = this.unread();
    let stuck: UnreadableEvent | undefined;
    const marks = new Skips();
    let count = 0;
    for await (const recorded of this.store.readStream(stream)) {
      if (count === 0) assertBeginning(recorded);
      count += 1;
      if (count % foldEventsMax === 0) await othersTurn();
      try {
        const skip = skipIn(recorded);
        if (skip !== undefined) marks.add(skip);
        if (stuck !== undefined) continue;
        const counts = !isMark(recorded) && !skips.has(recorded);
        loaded = counts ? this.fold(loaded, recorded) : pass(loaded, recorded);
      } catch (error) {
        if (!(error instanceof UnreadableEvent)) throw error;
        stuck ??= error;
      }
    }
    if ([...marks].some((one) => !skips.knows(one))) return { loaded: undefined, marks };
    if (stuck !== undefined) throw stuck;
    return { loaded, marks };
  }

  /** Back to the last summary that counts: one that an event was skipped before, since, may tell of it. */
  private async readBack(stream: string, summary: Summary<State, Event>): Promise<Loaded<State>> {
    const events: RecordedEvent[] = [];
    const skips = new Skips();
    for await (const recorded of this.store.readBackwards(stream)) {
      events.push(recorded);
      const skip = skipIn(recorded);
      if (skip !== undefined) skips.add(skip);
      if (recorded.type === summary.type && isSound(recorded, skips)) break;
      if (events.length % foldEventsMax === 0) await othersTurn();
    }
    const first = events.at(-1);
    const start = first?.type === summary.type && isSound(first, skips) ? first : undefined;
    if (first !== undefined && start === undefined) assertBeginning(first);
    let loaded = this.unread();
    for (let recorded = events.pop(); recorded !== undefined; recorded = events.pop()) {
      const isStale = recorded.type === summary.type && recorded !== start;
      const counts = !isStale && !isMark(recorded) && !skips.has(recorded);
      loaded = counts ? this.fold(loaded, recorded) : pass(loaded, recorded);
      if (events.length > 0 && events.length % foldEventsMax === 0) await othersTurn();
    }
    return loaded;
  }

  private fold(loaded: Loaded<State>, recorded: RecordedEvent): Loaded<State> {
    const event = decode(recorded);
    const category = categoryOf[event.type];
    // `evolve` knows the types of its own streams alone.
    if (category !== null && !recorded.stream.startsWith(category))
      throw new UnreadableEvent(recorded, notHere);
    const state = this.decider.evolve(loaded.state, event as unknown as Event);
    const toSum = this.counted(loaded.toSum, event);
    return { ...pass(loaded, recorded), state, toSum };
  }
}

/** Goes on to an event that changes nothing. */
const pass = <State>(
  loaded: Loaded<State>,
  { revision, position, id }: RecordedEvent,
): Loaded<State> => ({ ...loaded, revision, position, id });

/** Does a summary count? Not when it is skipped itself, nor when an event before it was skipped after it. */
const isSound = (summary: RecordedEvent, skips: Skips): boolean =>
  ![...skips].some(({ revision }) => revision <= summary.revision);

/** A stream that was deleted, truncated or given a limit is no new one. @throws UnreadableEvent */
function assertBeginning(first: RecordedEvent): void {
  if (first.revision === 0n) return;
  throw new UnreadableEvent(
    first,
    'its stream does not begin at its beginning: events before it are gone',
  );
}
