import { setImmediate as othersTurn } from 'node:timers/promises';
import { categoryOf, notHere } from '../../events/belongs.ts';
import {
  decode,
  type RecordedEvent,
  type StoredEvent,
  UnreadableEvent,
} from '../../events/codec.ts';
import type { DomainEvent } from '../../events/events.ts';
import { type Announced, isMark, readMarked, Skips, skipIn } from '../../events/skipped.ts';
import { eachLimited } from '../../support/concurrency.ts';
import type { Decider, Place, Placed } from './decider.ts';
import {
  type EventStore,
  EventStoreUnavailable,
  type ExpectedRevision,
  withNothingWritten,
} from './event-store.ts';

/** So many events are made into a state at once; then others have their turn, however long the stream is. */
const foldEventsMax = 200;

/** So many single events, or ranges of events, of a stream are asked for at once. */
const readsAtOnce = 4;

/** A stream that is read from its beginning and has skipped events is read twice; so often when more are skipped meanwhile. */
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

type ReadableStore = Pick<EventStore, 'readStream' | 'readBackwards' | 'epoch'>;

/** A decider without its decisions. */
type Evolver<State, Command, Event extends DomainEvent> = Pick<
  Decider<State, Command, Event, unknown>,
  'initial' | 'evolve' | 'isWhole' | 'summary' | 'elsewhere'
>;

/** Makes the states of one kind of stream out of their events. */
export class StreamStates<State, Command, Event extends DomainEvent> {
  readonly #store: ReadableStore;
  readonly #decider: Evolver<State, Command, Event>;

  constructor(store: ReadableStore, decider: Evolver<State, Command, Event>) {
    this.#store = store;
    this.#decider = decider;
  }

  /** Of a stream that has no events. */
  unread(): Loaded<State> {
    const { initial: state } = this.#decider;
    const { epoch } = this.#store;
    return { state, revision: 'no_stream', position: null, id: null, epoch, toSum: nothingToSum };
  }

  assumed(assumed: Assumed<State>): Loaded<State> {
    const { epoch } = this.#store;
    return { ...assumed, position: null, id: null, epoch, toSum: nothingToSum };
  }

  /** May the log be another one than it was read from? */
  isDoubtful({ epoch }: Loaded<State>): boolean {
    return epoch !== this.#store.epoch;
  }

  /**
   * Reads from where `from` ends to the stream's end; from scratch, no further back than its last event that is whole and has
   * no event at or before it that was skipped since. What the stream
   * does not have any more where `from` has it is forgotten, and all is read from scratch: the log was exchanged.
   * @throws EventStoreUnavailable. UnreadableEvent, also for a stream whose beginning is gone: nothing can be decided on it
   */
  async readOn(stream: string, from: Loaded<State> | undefined): Promise<Loaded<State>> {
    try {
      const loaded = from && (await this.#readAfter(stream, from));
      return await this.#withParts(stream, loaded ?? (await this.#readAll(stream)));
    } catch (error) {
      throw withNothingWritten(error);
    }
  }

  /** What an event that is about to be appended leaves to sum up. */
  counted(toSum: ToSum, { type }: Pick<DomainEvent, 'type'>): ToSum {
    if (this.#sumsUp(type)) return nothingToSum;
    return { ...toSum, events: toSum.events + 1 };
  }

  /** Is it time to sum the stream up? Then what does so, unless the state says that it is not. */
  summed(state: State, toSum: ToSum): { readonly events: readonly Event[]; readonly toSum: ToSum } {
    const { summary } = this.#decider;
    if (summary === undefined || toSum.events - toSum.refusedAt < summary.everyEvents) {
      return { events: [], toSum };
    }
    const events = summary.of(state);
    return { events, toSum: events.length > 0 ? toSum : { ...toSum, refusedAt: toSum.events } };
  }

  /**
   * The state with what the commands ask for and it has left in earlier events.
   * @throws EventStoreUnavailable. UnreadableEvent, also when those events are gone
   */
  async recall(
    stream: string,
    loaded: Loaded<State>,
    commands: readonly Command[],
  ): Promise<Loaded<State>> {
    const { elsewhere } = this.#decider;
    if (elsewhere === undefined) return loaded;
    const asking: Command[] = [];
    const places = new Map<number, Place>();
    for (const command of commands) {
      const found = elsewhere.placesOf(command, loaded.state);
      if (found.length > 0) asking.push(command);
      for (const place of found) places.set(place.from, place);
    }
    if (asking.length === 0) return loaded;
    try {
      const inOrder = [...places.values()].sort((a, b) => a.from - b.from);
      // The events of a place may be skipped by marks anywhere after it.
      const marked = await readMarked(this.#store, stream);
      const read = await eachLimited(inOrder, readsAtOnce, (place) =>
        this.#eventsOf(stream, place, marked),
      );
      const events = read.flat() as unknown as readonly Event[];
      return { ...loaded, state: elsewhere.recall(loaded.state, asking, events) };
    } catch (error) {
      throw withNothingWritten(error);
    }
  }

  /**
   * Undefined when `from` is of no use: the stream does not have its last event where it was, or events were skipped since
   * that it may have, or one cannot be read, which may have been skipped.
   */
  async #readAfter(stream: string, from: Loaded<State>): Promise<Loaded<State> | undefined> {
    const { revision, id, state, toSum } = from;
    if (revision === 'no_stream' || id === null) return undefined;
    let loaded: Loaded<State> | undefined;
    const { epoch } = this.#store;
    try {
      for await (const recorded of this.#store.readStream(stream, revision)) {
        if (loaded === undefined) {
          if (recorded.revision !== revision || recorded.id !== id) return undefined;
          loaded = { state, revision, position: recorded.position, id, epoch, toSum };
        } else if (isMark(recorded)) return undefined;
        else loaded = this.#fold(loaded, readable(recorded));
      }
    } catch (error) {
      if (error instanceof UnreadableEvent) return undefined;
      throw error;
    }
    return loaded;
  }

  async #readAll(stream: string): Promise<Loaded<State>> {
    const { summary, isWhole } = this.#decider;
    if (summary !== undefined || isWhole !== undefined) return this.#readBack(stream);
    // What is skipped is said later in the stream: where that is new, the stream is read once more.
    let skips = new Skips();
    for (let reading = 1; reading <= readsMax; reading += 1) {
      const { loaded, marks } = await this.#readForwards(stream, skips);
      if (loaded !== undefined) return loaded;
      skips = marks;
    }
    throw new EventStoreUnavailable(`events of ${stream} were skipped again and again`);
  }

  /**
   * @returns nothing loaded when other events are skipped than was known
   * @throws UnreadableEvent for one that is not skipped
   */
  async #readForwards(
    stream: string,
    skips: Skips,
  ): Promise<{ readonly loaded: Loaded<State> | undefined; readonly marks: Skips }> {
    let loaded = this.unread();
    let stuck: UnreadableEvent | undefined;
    const marks = new Skips();
    let count = 0;
    for await (const recorded of this.#store.readStream(stream)) {
      if (count === 0) assertBeginning(recorded, recorded);
      count += 1;
      if (count % foldEventsMax === 0) await othersTurn();
      try {
        const skip = skipIn(recorded);
        if (skip !== undefined) marks.add(skip);
        if (stuck !== undefined) continue;
        const counts = !isMark(recorded) && !skips.has(recorded);
        loaded = counts ? this.#fold(loaded, readable(recorded)) : pass(loaded, recorded);
      } catch (error) {
        if (!(error instanceof UnreadableEvent)) throw error;
        stuck ??= error;
      }
    }
    if ([...marks].some((one) => !skips.knows(one))) return { loaded: undefined, marks };
    if (stuck !== undefined) throw stuck;
    return { loaded, marks };
  }

  /** Marks come after what they skip: who reads backwards has met them before it. */
  async #readBack(stream: string): Promise<Loaded<State>> {
    const events: StoredEvent[] = [];
    const skips = new Skips();
    let last: RecordedEvent | undefined;
    let first: RecordedEvent | undefined;
    let start: StoredEvent | undefined;
    let count = 0;
    for await (const recorded of this.#store.readBackwards(stream)) {
      last ??= recorded;
      first = recorded;
      count += 1;
      if (count % foldEventsMax === 0) await othersTurn();
      const skip = skipIn(recorded);
      if (skip !== undefined) skips.add(skip);
      const sound = isSound(recorded, skips);
      if (isMark(recorded) || skips.has(recorded) || (!sound && this.#isDerived(recorded)))
        continue;
      const event = readable(recorded);
      events.push(event);
      if (!sound || !(this.#sumsUp(event.type) || this.#isWhole(event))) continue;
      start = event;
      break;
    }
    let loaded = this.unread();
    if (first === undefined || last === undefined) return loaded;
    const begins = this.#begins(stream, first, start);
    // Awaited below, after what may take its time: until then nobody hears of its failure.
    begins.catch(() => {});
    for (let event = events.pop(); event !== undefined; event = events.pop()) {
      loaded = this.#fold(loaded, event);
      if (events.length > 0 && events.length % foldEventsMax === 0) await othersTurn();
    }
    await begins;
    return pass(loaded, last);
  }

  /**
   * Where reading backwards ended above the beginning: is the beginning still there?
   * @param first the last event that was read @param start the same, when the state begins with it
   * @throws UnreadableEvent when it is not
   */
  async #begins(
    stream: string,
    first: RecordedEvent,
    start: StoredEvent | undefined,
  ): Promise<void> {
    if (start !== undefined && this.#sumsUp(start.type)) return;
    if (start === undefined || first.revision === 0n) return assertBeginning(first, first);
    let beginning: RecordedEvent | undefined;
    for await (const recorded of this.#store.readStream(stream, 0n, 1)) beginning ??= recorded;
    assertBeginning(beginning, first);
  }

  /** @throws UnreadableEvent when an event that the state names is gone, or another one */
  async #withParts(stream: string, loaded: Loaded<State>): Promise<Loaded<State>> {
    const { elsewhere } = this.#decider;
    const parts = elsewhere?.partsOf(loaded.state) ?? [];
    if (elsewhere === undefined || parts.length === 0) return loaded;
    let { state } = loaded;
    await eachLimited(parts, readsAtOnce, async (part) => {
      // Not skipped: what names it would not have been believed, or was written later and would not name it.
      const [event] = await this.#eventsOf(stream, { from: part, to: part });
      const known = event && elsewhere.withPart(state, event as unknown as Event & Placed);
      if (known === undefined) {
        const at = event ?? gone(stream, BigInt(part));
        throw new UnreadableEvent(at, 'a later event takes it for a part of itself');
      }
      state = known;
      // They are large.
      await othersTurn();
    });
    return { ...loaded, state };
  }

  /**
   * All events of a place that count.
   * @param marked what is skipped of the stream
   * @throws UnreadableEvent when some are gone
   */
  async #eventsOf(
    stream: string,
    { from, to }: Place,
    marked: readonly Announced[] = [],
  ): Promise<StoredEvent[]> {
    const events: StoredEvent[] = [];
    let first: RecordedEvent | undefined;
    let count = 0;
    for await (const recorded of this.#store.readStream(stream, BigInt(from), to - from + 1)) {
      if (recorded.revision > BigInt(to)) break;
      first ??= recorded;
      count += 1;
      if (this.#countsBy(recorded, marked)) events.push(readable(recorded));
      if (count % foldEventsMax === 0) await othersTurn();
    }
    if (first?.revision === BigInt(from) && count === to - from + 1) {
      return events;
    }
    const at = first ?? gone(stream, BigInt(from));
    throw new UnreadableEvent(at, `events ${from} to ${to} of its stream are not all there`);
  }

  /** Does an event count, by all that was skipped of its stream? */
  #countsBy(recorded: RecordedEvent, marked: readonly Announced[]): boolean {
    const { revision, id } = recorded;
    if (isMark(recorded)) return false;
    if (marked.some((one) => one.eventId === id && one.revision === revision)) return false;
    const isStale = ({ revision: skipped, markRevision }: Announced) =>
      skipped <= revision && revision < markRevision;
    return !this.#isDerived(recorded) || !marked.some(isStale);
  }

  #isWhole(event: StoredEvent): boolean {
    return this.#decider.isWhole?.(event as unknown as Event) ?? false;
  }

  #sumsUp(type: string): boolean {
    return this.#decider.summary?.types.some((one) => one === type) ?? false;
  }

  /** Does it tell nothing but what other events tell? */
  #isDerived({ type }: Pick<RecordedEvent, 'type'>): boolean {
    return (
      this.#sumsUp(type) || (this.#decider.summary?.partTypes?.some((one) => one === type) ?? false)
    );
  }

  #fold(loaded: Loaded<State>, stored: StoredEvent): Loaded<State> {
    const event = stored as unknown as Event & Placed;
    const state = this.#decider.evolve(loaded.state, event);
    const toSum = this.counted(loaded.toSum, event);
    return { ...pass(loaded, stored), state, toSum };
  }
}

/** @throws UnreadableEvent also for one that is of another kind of stream: `isWhole` and `evolve` know those of their own alone */
function readable(recorded: RecordedEvent): StoredEvent {
  const event = decode(recorded);
  const category = categoryOf[event.type];
  if (category !== null && !recorded.stream.startsWith(category))
    throw new UnreadableEvent(recorded, notHere);
  return event;
}

/** Goes on to an event that changes nothing. */
const pass = <State>(
  loaded: Loaded<State>,
  { revision, position, id }: Pick<RecordedEvent, 'revision' | 'position' | 'id'>,
): Loaded<State> => ({ ...loaded, revision, position, id });

/**
 * May a state begin with it, and what it sums up be believed? Not when it is skipped itself, nor when an event before it was
 * skipped after it.
 * @param skips what the marks after it skip
 */
const isSound = ({ revision: at }: RecordedEvent, skips: Skips): boolean =>
  ![...skips].some(({ revision }) => revision <= at);

/**
 * A stream that was deleted, truncated or given a limit is no new one.
 * @param first the first event that the stream has @param at what was read of it
 * @throws UnreadableEvent
 */
function assertBeginning(first: RecordedEvent | undefined, at: RecordedEvent): void {
  if (first?.revision === 0n) return;
  throw new UnreadableEvent(
    at,
    'its stream does not begin at its beginning: events before it are gone',
  );
}

/** An event that should be there and is not, for those who are told of it. */
const gone = (stream: string, revision: bigint): RecordedEvent => ({
  ...{ id: '', stream, revision, position: 0n, type: 'missing', createdMs: 0 },
  ...{ data: undefined, metadata: undefined },
});
