import { setImmediate as othersTurn } from 'node:timers/promises';
import { isOfKnownVersion, type RecordedEvent, UnreadableEvent } from '../../events/codec.ts';
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
 * A read of a whole stream with skipped events is repeated once. If more events are skipped
 * meanwhile, it is repeated up to this number of reads.
 */
const readsMax = 5;

type ReadableStore = Pick<EventStore, 'readStream' | 'readBackwards' | 'epoch'>;

/** A decider without its decisions. */
type Evolver<State, Command, Event extends DomainEvent> = Pick<
  Decider<State, Command, Event, unknown>,
  'initial' | 'evolve' | 'isWhole' | 'snapshot' | 'elsewhere'
>;

/** Makes the states of one kind of stream from their events. */
export class StreamStates<State, Command, Event extends DomainEvent> {
  readonly snapshots: Snapshots<State, Event>;
  readonly #store: ReadableStore;
  readonly #decider: Evolver<State, Command, Event>;

  constructor(store: ReadableStore, decider: Evolver<State, Command, Event>) {
    this.#store = store;
    this.#decider = decider;
    this.snapshots = new Snapshots(decider.snapshot);
  }

  /** The state of a stream without events. */
  unread(): Loaded<State> {
    const { initial: state } = this.#decider;
    const { epoch } = this.#store;
    return { state, revision: 'no_stream', position: null, id: null, epoch, since: nothingSince };
  }

  assumed(assumed: Assumed<State>): Loaded<State> {
    const { epoch } = this.#store;
    return { ...assumed, position: null, id: null, epoch, since: nothingSince };
  }

  /** May the log have changed since the state was read? */
  isDoubtful({ epoch }: Loaded<State>): boolean {
    return epoch !== this.#store.epoch;
  }

  /**
   * Reads from where `from` ends to the stream's end. Without `from`, it reads back to the newest
   * whole event for which no later mark skips this event or an earlier one. If the stream does not
   * have the last event of `from`, somebody has replaced the log. Then it ignores `from` and reads
   * the stream again.
   * @throws EventStoreUnavailable. UnreadableEvent, also for a stream without its beginning,
   * because nothing can be decided on it
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
   * The state with the facts that the commands need and that it has only in earlier events.
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
      // Marks anywhere after a range may skip its events.
      const marked = await readMarked(this.#store, stream);
      const concerns = elsewhere.concerns(asking);
      const counts = (recorded: RecordedEvent) =>
        (!isOfKnownVersion(recorded) || concerns(recorded)) &&
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
   * Undefined if `from` cannot be used. There are three cases. The stream no longer has the last
   * event of `from` at its place. An event that `from` may contain was skipped since then. Or an
   * event cannot be read, and it may have been skipped.
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
    // Marks come later in the stream than the events that they skip. If a read finds new marks, it
    // reads the stream again.
    let skips = new Skips();
    for (let reading = 1; reading <= readsMax; reading += 1) {
      const { loaded, marks } = await this.#readForwards(stream, skips);
      if (loaded !== undefined) return loaded;
      skips = marks;
    }
    throw new EventStoreUnavailable(`events of ${stream} were skipped again and again`);
  }

  /**
   * @returns nothing loaded if the marks skip other events than the caller knew
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

  /** A mark comes after the event that it skips. So a backward read meets the mark first. */
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
    // It is awaited below, after work that may take long. Until then, this handler prevents an
    // unhandled rejection.
    begins.catch(() => {});
    for (let event = events.pop(); event !== undefined; event = events.pop()) {
      loaded = this.#fold(loaded, event);
      if (events.length > 0 && events.length % eventsPerTurn === 0) await othersTurn();
    }
    await begins;
    return passOver(loaded, last);
  }

  /**
   * If a backward read ended above revision 0, checks that the stream still has its beginning.
   * @param first the last event that was read
   * @param start the same event, if the state begins with it
   * @throws UnreadableEvent if the beginning is missing
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

  /**
   * @throws UnreadableEvent if an event that the state names is missing, or if another event is at
   * its place
   */
  async #withParts(stream: string, loaded: Loaded<State>): Promise<Loaded<State>> {
    const { elsewhere } = this.#decider;
    const parts = elsewhere?.partsOf(loaded.state) ?? [];
    if (elsewhere === undefined || parts.length === 0) return loaded;
    let { state } = loaded;
    // No part can be skipped. If it were, the snapshot that names it would not count, or a later
    // snapshot would not name it.
    const counts = (recorded: RecordedEvent) => !isMark(recorded);
    // One after the other, because they are large: four at once take as long in total, and their
    // answers arrive together, so that other work waits up to ten times as long.
    for (const part of parts) {
      const range = { from: part, to: part };
      const [event] = await readRange<Event>(this.#store, stream, range, counts);
      const known = event && elsewhere.withPart(state, event);
      if (known === undefined) {
        const at = event ?? missing(stream, BigInt(part));
        throw new UnreadableEvent(at, 'a later event takes it for a part of itself');
      }
      state = known;
      await othersTurn();
    }
    return { ...loaded, state };
  }

  #isWhole(event: Event): boolean {
    return this.#decider.isWhole?.(event) ?? false;
  }

  #fold(loaded: Loaded<State>, event: RecordedEvent & Event): Loaded<State> {
    const state = this.#decider.evolve(loaded.state, event);
    const since = this.snapshots.counted(loaded.since, event.type);
    const { revision, position, id } = event;
    return { state, revision, position, id, epoch: loaded.epoch, since };
  }
}
