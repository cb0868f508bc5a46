import { setImmediate as othersTurn } from 'node:timers/promises';
import { type RecordedEvent, UnreadableEvent } from '../../events/codec.ts';
import type { DomainEvent } from '../../events/events.ts';
import { isMark, readMarked, Skips, skipIn } from '../../events/skipped.ts';
import { eachLimited } from '../../support/concurrency.ts';
import type { Decider, RevisionRange } from './decider.ts';
import { type EventStore, EventStoreUnavailable, withNothingWritten } from './event-store.ts';
import { type Assumed, type Loaded, passOver } from './loaded.ts';
import { nothingSince, Snapshots } from './snapshot.ts';
import {
  assertBeginning,
  assertNext,
  countsBy,
  eventsPerTurn,
  isSound,
  missing,
  readable,
  readRange,
  readsAtOnce,
} from './stream-events.ts';

/**
 * A stream that is read from its beginning and has skipped events is read twice; so often at most
 * when more are skipped meanwhile.
 */
const readsMax = 5;

type ReadableStore = Pick<EventStore, 'readStream' | 'readBackwards' | 'epoch'>;

/** A decider without its decisions. */
type Evolver<State, Command, Event extends DomainEvent> = Pick<
  Decider<State, Command, Event, unknown>,
  'initial' | 'evolve' | 'isWhole' | 'snapshot' | 'elsewhere'
>;

/** Makes the states of one kind of stream out of their events. */
export class StreamStates<State, Command, Event extends DomainEvent> {
  readonly snapshots: Snapshots<State, Event>;
  readonly #store: ReadableStore;
  readonly #decider: Evolver<State, Command, Event>;

  constructor(store: ReadableStore, decider: Evolver<State, Command, Event>) {
    this.#store = store;
    this.#decider = decider;
    this.snapshots = new Snapshots(decider.snapshot);
  }

  /** Of a stream that has no events. */
  unread(): Loaded<State> {
    const { initial: state } = this.#decider;
    const { epoch } = this.#store;
    return { state, revision: 'no_stream', position: null, id: null, epoch, since: nothingSince };
  }

  assumed(assumed: Assumed<State>): Loaded<State> {
    const { epoch } = this.#store;
    return { ...assumed, position: null, id: null, epoch, since: nothingSince };
  }

  /** May the log be another one than it was read from? */
  isDoubtful({ epoch }: Loaded<State>): boolean {
    return epoch !== this.#store.epoch;
  }

  /**
   * Reads from where `from` ends to the stream's end. From scratch, it reads no further back than
   * the last event that is whole and has no event at or before it that was skipped after it. Where
   * the stream does not have what `from` has, `from` is forgotten and all is read from scratch: the
   * log was exchanged.
   * @throws EventStoreUnavailable. UnreadableEvent, also for a stream whose beginning is gone:
   * nothing can be decided on it
   */
  async readOn(stream: string, from: Loaded<State> | undefined): Promise<Loaded<State>> {
    try {
      const loaded = from && (await this.#readAfter(stream, from));
      return await this.#withParts(stream, loaded ?? (await this.#readAll(stream)));
    } catch (error) {
      throw withNothingWritten(error);
    }
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
    const ranges = new Map<number, RevisionRange>();
    for (const command of commands) {
      const found = elsewhere.rangesOf(command, loaded.state);
      if (found.length > 0) asking.push(command);
      for (const range of found) ranges.set(range.from, range);
    }
    if (asking.length === 0) return loaded;
    try {
      const inOrder = [...ranges.values()].sort((a, b) => a.from - b.from);
      // The events of a range may be skipped by marks anywhere after it.
      const marked = await readMarked(this.#store, stream);
      const counts = (recorded: RecordedEvent) =>
        countsBy(recorded, marked, this.snapshots.isDerived(recorded.type));
      const read = await eachLimited(inOrder, readsAtOnce, (range) =>
        readRange<Event>(this.#store, stream, range, counts),
      );
      return { ...loaded, state: elsewhere.recall(loaded.state, asking, read.flat()) };
    } catch (error) {
      throw withNothingWritten(error);
    }
  }

  /**
   * Undefined when `from` is of no use: the stream does not have its last event where it was, or
   * events were skipped since that it may have, or one cannot be read, which may have been skipped.
   */
  async #readAfter(stream: string, from: Loaded<State>): Promise<Loaded<State> | undefined> {
    const { revision, id, state, since } = from;
    if (revision === 'no_stream' || id === null) return undefined;
    let loaded: Loaded<State> | undefined;
    let before: RecordedEvent | undefined;
    const { epoch } = this.#store;
    try {
      for await (const recorded of this.#store.readStream(stream, revision)) {
        assertNext(before, recorded);
        before = recorded;
        if (loaded === undefined) {
          if (recorded.revision !== revision || recorded.id !== id) return undefined;
          loaded = { state, revision, position: recorded.position, id, epoch, since };
        } else if (isMark(recorded)) return undefined;
        else loaded = this.#fold(loaded, readable<Event>(recorded));
      }
    } catch (error) {
      if (error instanceof UnreadableEvent) return undefined;
      throw error;
    }
    return loaded;
  }

  async #readAll(stream: string): Promise<Loaded<State>> {
    if (this.snapshots.areTaken || this.#decider.isWhole !== undefined) {
      return this.#readBack(stream);
    }
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
   * @throws UnreadableEvent for an event that is not skipped
   */
  async #readForwards(
    stream: string,
    skips: Skips,
  ): Promise<{ readonly loaded: Loaded<State> | undefined; readonly marks: Skips }> {
    let loaded = this.unread();
    let unreadable: UnreadableEvent | undefined;
    const marks = new Skips();
    let before: RecordedEvent | undefined;
    let count = 0;
    for await (const recorded of this.#store.readStream(stream)) {
      if (count === 0) assertBeginning(recorded, recorded);
      assertNext(before, recorded);
      before = recorded;
      count += 1;
      if (count % eventsPerTurn === 0) await othersTurn();
      try {
        const skip = skipIn(recorded);
        if (skip !== undefined) marks.add(skip);
        if (unreadable !== undefined) continue;
        const counts = !isMark(recorded) && !skips.has(recorded);
        loaded = counts
          ? this.#fold(loaded, readable<Event>(recorded))
          : passOver(loaded, recorded);
      } catch (error) {
        if (!(error instanceof UnreadableEvent)) throw error;
        unreadable ??= error;
      }
    }
    if ([...marks].some((one) => !skips.knows(one))) return { loaded: undefined, marks };
    if (unreadable !== undefined) throw unreadable;
    return { loaded, marks };
  }

  /** Marks come after what they skip: read backwards, a mark is met before its event. */
  async #readBack(stream: string): Promise<Loaded<State>> {
    const events: (RecordedEvent & Event)[] = [];
    const skips = new Skips();
    let last: RecordedEvent | undefined;
    let first: RecordedEvent | undefined;
    let start: RecordedEvent | undefined;
    let count = 0;
    for await (const recorded of this.#store.readBackwards(stream)) {
      if (first !== undefined) assertNext(recorded, first);
      last ??= recorded;
      first = recorded;
      count += 1;
      if (count % eventsPerTurn === 0) await othersTurn();
      const skip = skipIn(recorded);
      if (skip !== undefined) skips.add(skip);
      const sound = isSound(recorded, skips);
      if (isMark(recorded) || skips.has(recorded)) continue;
      if (!sound && this.snapshots.isDerived(recorded.type)) continue;
      const event = readable<Event>(recorded);
      events.push(event);
      if (!sound || !(this.snapshots.isSnapshot(event.type) || this.#isWhole(event))) continue;
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
      if (events.length > 0 && events.length % eventsPerTurn === 0) await othersTurn();
    }
    await begins;
    return passOver(loaded, last);
  }

  /**
   * Where reading backwards ended above the beginning: is the beginning still there?
   * @param first the last event that was read @param start the same, when the state begins with it
   * @throws UnreadableEvent when it is not
   */
  async #begins(
    stream: string,
    first: RecordedEvent,
    start: RecordedEvent | undefined,
  ): Promise<void> {
    if (start !== undefined && this.snapshots.isSnapshot(start.type)) return;
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
    // No part is skipped: what names it would not count then, or was written later and would not
    // name it.
    const counts = (recorded: RecordedEvent) => !isMark(recorded);
    await eachLimited(parts, readsAtOnce, async (part) => {
      const range = { from: part, to: part };
      const [event] = await readRange<Event>(this.#store, stream, range, counts);
      const known = event && elsewhere.withPart(state, event);
      if (known === undefined) {
        const at = event ?? missing(stream, BigInt(part));
        throw new UnreadableEvent(at, 'a later event takes it for a part of itself');
      }
      state = known;
      // They are large.
      await othersTurn();
    });
    return { ...loaded, state };
  }

  #isWhole(event: Event): boolean {
    return this.#decider.isWhole?.(event) ?? false;
  }

  #fold(loaded: Loaded<State>, event: RecordedEvent & Event): Loaded<State> {
    const state = this.#decider.evolve(loaded.state, event);
    const since = this.snapshots.counted(loaded.since, event.type);
    return { ...passOver(loaded, event), state, since };
  }
}
