import { randomUUID } from 'node:crypto';
import { UnreadableEvent } from '../../events/codec.ts';
import type { DomainEvent } from '../../events/events.ts';
import { versionOf } from '../../events/upcasters.ts';
import type { CommandContext } from '../sales/roles.ts';
import { appendMsMin } from './deadline.ts';
import { type Decider, type Decision, writable } from './decider.ts';
import {
  type EventStore,
  EventStoreUnavailable,
  type ExpectedRevision,
  type NewEvent,
  withNothingWritten,
} from './event-store.ts';
import { type Result, refuse } from './result.ts';
import { type Assumed, type Loaded, StreamStates } from './stream-states.ts';

/** Bounds of a handler. */
export interface HandlerBounds {
  /** Streams whose state is kept in memory; the least recently used idle one goes first. */
  readonly streamsMax: number;
  /** Commands that may wait for one stream; one more is refused as `overloaded`. */
  readonly waitingMax: number;
  /** Commands decided together and appended at once. */
  readonly batchMax: number;
  /**
   * Times that a batch is decided anew after another writer came first; then it is refused as `overloaded`. Each costs a read and
   * an append, 10 to 20 ms on a cluster: with ten an instance of three lost them all within a moment on a busy account.
   */
  readonly attemptsMax: number;
}

export const defaultBounds: HandlerBounds = {
  streamsMax: 200_000,
  waitingMax: 2_000,
  batchMax: 256,
  attemptsMax: 50,
};

interface Waiting<State, Command, Answer> {
  readonly command: Command;
  readonly context: CommandContext;
  readonly assumed: Assumed<State> | undefined;
  readonly resolve: (result: Result<Answer>) => void;
  readonly reject: (error: unknown) => void;
}

interface Lane<State, Command, Answer> {
  readonly stream: string;
  loaded: Loaded<State> | undefined;
  readonly waiting: Waiting<State, Command, Answer>[];
  running: boolean;
  /** The read of the whole stream that is under way. */
  reading: Promise<Loaded<State>> | undefined;
}

/**
 * Runs the commands of one kind of stream. Commands for one stream wait in line; those that have gathered are decided one
 * after another in memory and appended together (group commit), so a hot stream costs one round trip, not one a command.
 *
 * No in-process state is trusted: an append proves by its expected revision that the remembered state was the newest, and
 * an answer that appends nothing (a refusal, "it was so already") is given only from a state that was read, or proven by an
 * append, after the command came in.
 *
 * Event ids are new for each append, so that an append which the log has already is one that the store's port sent again, and
 * nothing else: a command that comes again is recognised by the state it made (docs/adr/0006-event-ids.md).
 */
export class CommandHandler<
  State,
  Command extends { readonly type: string },
  Event extends DomainEvent,
  Answer,
> {
  readonly #lanes = new Map<string, Lane<State, Command, Answer>>();
  readonly #store: EventStore;
  readonly #decider: Decider<State, Command, Event, Answer>;
  readonly #states: StreamStates<State, Command, Event>;
  readonly #bounds: HandlerBounds;
  readonly #assumeNew: boolean;

  /**
   * @param assumeNew a stream that is not remembered is first taken to be new: no read before the append, which
   * says so if it was wrong. For streams that are mostly written once.
   */
  constructor(
    store: EventStore,
    decider: Decider<State, Command, Event, Answer>,
    options: { readonly assumeNew?: boolean; readonly bounds?: HandlerBounds } = {},
  ) {
    this.#store = store;
    this.#decider = decider;
    this.#states = new StreamStates(store, decider);
    this.#bounds = options.bounds ?? defaultBounds;
    this.#assumeNew = options.assumeNew ?? false;
  }

  /**
   * Decides a command on its stream, within the context's deadline.
   * @param assumed what a stream that is not remembered is first taken to be, instead of reading it
   * @throws EventStoreUnavailable: the command may or may not have been carried out. UnreadableEvent: another version wrote
   * to the stream, and nothing can be decided on it here; the other streams' commands go on.
   */
  execute(
    stream: string,
    command: Command,
    context: CommandContext,
    assumed?: Assumed<State>,
  ): Promise<Result<Answer>> {
    const lane = this.#lane(stream);
    if (lane.waiting.length >= this.#bounds.waitingMax) {
      return Promise.resolve(refuse('overloaded', 'too many requests wait for the same thing'));
    }
    return new Promise((resolve, reject) => {
      lane.waiting.push({ command, context, assumed, resolve, reject });
      if (!lane.running) void this.#drain(lane);
    });
  }

  /**
   * A stream's state: as remembered, else as read. `fresh` reads on to the stream's end in any case.
   * @throws EventStoreUnavailable
   */
  async state(stream: string, { fresh = false } = {}): Promise<State> {
    const lane = this.#lane(stream);
    const isKnown = lane.loaded !== undefined && !this.#states.isDoubtful(lane.loaded);
    if (lane.loaded !== undefined && isKnown && !fresh) return lane.loaded.state;
    const loaded = await this.#readOn(lane);
    // A lane at work knows better by now; it reads for itself when it has to.
    if (!lane.running) lane.loaded = loaded;
    return loaded.state;
  }

  /** A stream's state as remembered, without a read and perhaps no longer so; undefined when it is not remembered. */
  known(stream: string): State | undefined {
    return this.#lanes.get(stream)?.loaded?.state;
  }

  /**
   * Reads a stream to its end. Of one that is not remembered one read is under way at a time: it may be long. Who comes
   * meanwhile waits for it and reads on from there.
   */
  async #readOn(lane: Lane<State, Command, Answer>): Promise<Loaded<State>> {
    const { stream } = lane;
    if (lane.loaded !== undefined) return this.#states.readOn(stream, lane.loaded);
    if (lane.reading !== undefined) {
      const begun = await lane.reading;
      return this.#states.readOn(stream, lane.loaded ?? begun);
    }
    lane.reading = this.#states.readOn(stream, undefined).finally(() => {
      lane.reading = undefined;
    });
    return lane.reading;
  }

  #lane(stream: string): Lane<State, Command, Answer> {
    let lane = this.#lanes.get(stream);
    if (lane === undefined) {
      lane = { stream, loaded: undefined, waiting: [], running: false, reading: undefined };
      this.#evictIdle();
    } else {
      this.#lanes.delete(stream);
    }
    this.#lanes.set(stream, lane);
    return lane;
  }

  #evictIdle(): void {
    if (this.#lanes.size < this.#bounds.streamsMax) return;
    for (const [stream, lane] of this.#lanes) {
      if (lane.running) continue;
      this.#lanes.delete(stream);
      return;
    }
  }

  async #drain(lane: Lane<State, Command, Answer>): Promise<void> {
    lane.running = true;
    while (lane.waiting.length > 0) {
      const batch = lane.waiting.splice(0, this.#bounds.batchMax);
      try {
        await this.#run(lane, batch);
      } catch (error) {
        lane.loaded = undefined;
        for (const { reject } of batch) reject(error);
        // Those in line behind would wait for the same silence once more, each longer than the last.
        if (error instanceof EventStoreUnavailable) {
          const unsent = withNothingWritten(error);
          for (const { reject } of lane.waiting.splice(0)) reject(unsent);
        }
      }
    }
    lane.running = false;
  }

  async #run(
    lane: Lane<State, Command, Answer>,
    taken: readonly Waiting<State, Command, Answer>[],
  ): Promise<void> {
    let batch = taken;
    const assumed = this.#assumption(taken[0]?.assumed);
    const isDoubtful = lane.loaded !== undefined && this.#states.isDoubtful(lane.loaded);
    let proven = isDoubtful || (lane.loaded === undefined && assumed === undefined);
    if (proven) lane.loaded = await this.#readOn(lane);
    for (let attempt = 1; attempt <= this.#bounds.attemptsMax; attempt++) {
      const known = lane.loaded ?? assumed ?? this.#states.unread();
      const commands = batch.map(({ command }) => command);
      const before = await this.#states.recall(lane.stream, known, commands);
      batch = refuseLate(batch);
      if (batch.length === 0) return;
      const { decisions, events, state, toSum } = this.#decideAll(batch, before);
      const last = events.at(-1);
      if (last !== undefined) {
        const { epoch } = this.#store;
        const appended = await this.#store.append(
          lane.stream,
          before.revision,
          events,
          timeLeft(batch),
        );
        if (appended.ok) {
          const { revision, position } = appended;
          assertFollows(lane.stream, before, events, appended);
          lane.loaded = { state, revision, position, id: last.id, epoch, toSum };
          return answer(batch, decisions, position);
        }
      } else if (proven) {
        return answer(batch, decisions, before.position);
      }
      lane.loaded = await this.#readOn(lane);
      proven = true;
    }
    const gaveUp = refuse('overloaded', 'other writers kept coming first');
    for (const { resolve } of batch) resolve(gaveUp);
  }

  #decideAll(batch: readonly Waiting<State, Command, Answer>[], from: Loaded<State>) {
    let { state, toSum } = from;
    const events: NewEvent[] = [];
    const decisions: Decision<Event, Answer>[] = [];
    const add = (event: Event, command: string, context: CommandContext) => {
      const revision = revisionAfter(from.revision, events.length);
      state = this.#decider.evolve(state, { ...event, revision });
      const { deadlineMs: _, ...origin } = context;
      events.push({
        id: randomUUID(),
        event,
        metadata: { schemaVersion: versionOf(event.type), command, ...origin },
      });
      toSum = this.#states.counted(toSum, event);
    };
    for (const { command, context } of batch) {
      const decision = writable(this.#decider.decide(command, state));
      decisions.push(decision);
      if (!decision.ok) continue;
      for (const event of decision.events) add(event, command.type, context);
    }
    if (events.length > 0) {
      const summed = this.#states.summed(state, toSum);
      ({ toSum } = summed);
      for (const event of summed.events) add(event, 'SumUp', { commandId: 'sum up' });
    }
    return { decisions, events, state, toSum };
  }

  /** What a stream is taken to be that is not remembered; undefined: it is read. */
  #assumption(assumed: Assumed<State> | undefined): Loaded<State> | undefined {
    if (assumed !== undefined) return this.#states.assumed(assumed);
    return this.#assumeNew ? this.#states.unread() : undefined;
  }
}

/** The revision of the next event after so many more. */
const revisionAfter = (before: ExpectedRevision, more: number): bigint =>
  (before === 'no_stream' ? 0n : before + 1n) + BigInt(more);

/**
 * A stream that was deleted is appended to as if it were new, and goes on where it was: its past has decided nothing.
 * @throws UnreadableEvent
 */
function assertFollows(
  stream: string,
  { revision: before }: { readonly revision: ExpectedRevision },
  events: readonly NewEvent[],
  { revision, position }: { readonly revision: bigint; readonly position: bigint },
): void {
  const expected = revisionAfter(before, events.length - 1);
  const last = events.at(-1);
  if (revision === expected || last === undefined) return;
  const { id, event, metadata } = last;
  throw new UnreadableEvent(
    { id, stream, revision, position, type: event.type, createdMs: 0, data: event.data, metadata },
    `its stream was taken to end at ${before} and had more: it was deleted, and its events are hidden`,
  );
}

const deadlineOf = ({ context }: { readonly context: CommandContext }): number =>
  context.deadlineMs ?? Number.POSITIVE_INFINITY;

/** Those who have time left for an append; the others are told that they have not. */
function refuseLate<W extends Pick<Waiting<unknown, unknown, unknown>, 'context' | 'reject'>>(
  batch: readonly W[],
): readonly W[] {
  const latestMs = performance.now() + appendMsMin;
  const inTime = batch.filter((waiting) => deadlineOf(waiting) >= latestMs);
  if (inTime.length === batch.length) return batch;
  const late = 'no time was left for another append';
  for (const waiting of batch) {
    if (deadlineOf(waiting) >= latestMs) continue;
    waiting.reject(new EventStoreUnavailable(late, undefined, { wroteNothing: true }));
  }
  return inTime;
}

/** The append's time: of those who share it, the first one's deadline. */
function timeLeft(batch: readonly { readonly context: CommandContext }[]) {
  const endMs = Math.min(...batch.map(deadlineOf));
  return endMs === Number.POSITIVE_INFINITY ? undefined : { timeoutMs: endMs - performance.now() };
}

function answer<Answer>(
  batch: readonly Pick<Waiting<unknown, unknown, Answer>, 'resolve'>[],
  decisions: readonly Decision<DomainEvent, Answer>[],
  position: bigint | null,
): void {
  batch.forEach(({ resolve }, index) => {
    const decision = decisions[index];
    if (decision === undefined) return;
    resolve(decision.ok ? { ok: true, value: decision.answer, position } : decision);
  });
}
