import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { UnreadableEvent } from '../../events/codec.ts';
import type { DomainEvent } from '../../events/events.ts';
import { versionToWrite } from '../../events/upcasters.ts';
import { assertAscending } from './bounds.ts';
import type { CommandContext } from './command-context.ts';
import { type Decider, writable } from './decider.ts';
import {
  type EventStore,
  EventStoreUnavailable,
  type ExpectedRevision,
  type NewEvent,
  withNothingWritten,
} from './event-store.ts';
import {
  answerEach,
  type Lane,
  Lanes,
  type Outcome,
  type QueuedCommand,
  refuseLate,
  timeLeft,
} from './lanes.ts';
import { type Assumed, assertLastSeen, type Loaded } from './loaded.ts';
import { type Result, refuse } from './result.ts';
import { snapshotCommand } from './snapshot.ts';
import { StreamStates } from './stream-states.ts';

/** Bounds of a handler, each 1 or more. */
export interface HandlerBounds {
  /** Streams whose state is in memory. The least recently used idle stream is removed first. */
  readonly streamsMax: number;
  /** Commands that may wait for one stream; one more is refused as `overloaded`. */
  readonly waitingMax: number;
  /** Commands decided together and appended at once. */
  readonly batchMax: number;
  /**
   * How often a batch is decided again after another writer was first. Then it is refused as
   * `overloaded`. Each attempt costs a read and an append, 10 to 20 ms on a cluster. Ten attempts
   * were too few: with three instances, one of them quickly lost all ten on a busy account.
   */
  readonly attemptsMax: number;
}

export const defaultBounds: HandlerBounds = {
  streamsMax: 200_000,
  waitingMax: 2_000,
  batchMax: 256,
  attemptsMax: 50,
};
assertAscending({ batchMax: defaultBounds.batchMax, waitingMax: defaultBounds.waitingMax });

/** The handler of a decider's commands. */
export type HandlerOf<D> =
  D extends Decider<
    infer State,
    infer Command extends { readonly type: string },
    infer Event,
    infer Answer
  >
    ? CommandHandler<State, Command, Event, Answer>
    : never;

/**
 * Runs the commands of one kind of stream. Commands on one stream wait in its lane. The handler
 * decides all waiting commands in order, in memory, and appends their events together (group
 * commit). So a busy stream costs one round trip per batch, not one per command.
 *
 * The handler trusts no state in memory. An append proves by its expected revision that the
 * remembered state was the newest. Refusals, and answers to commands that were done before, append
 * nothing. They come only from a state that was read, or proven by an append, after the command
 * came in.
 *
 * Event ids are new for each append. The log can recognise only appends that the store's port
 * repeats. A repeated command is recognised by the state that it made (docs/adr/0006-event-ids.md).
 */
export class CommandHandler<
  State,
  Command extends { readonly type: string },
  Event extends DomainEvent,
  Answer,
> {
  readonly #store: EventStore;
  readonly #decider: Decider<State, Command, Event, Answer>;
  readonly #states: StreamStates<State, Command, Event>;
  readonly #lanes: Lanes<State, Command, Answer>;
  readonly #bounds: HandlerBounds;
  readonly #assumeNew: boolean;

  /**
   * @param assumeNew take a stream that is not remembered as new. Then there is no read before the
   * append; the append fails if the stream is not new. For streams that are mostly written once.
   */
  constructor(
    store: EventStore,
    decider: Decider<State, Command, Event, Answer>,
    options: { readonly assumeNew?: boolean; readonly bounds?: HandlerBounds } = {},
  ) {
    const bounds = options.bounds ?? defaultBounds;
    for (const [name, bound] of Object.entries(bounds)) {
      assert(bound >= 1, `${name} (${bound}) must be 1 or more`);
    }
    this.#store = store;
    this.#decider = decider;
    this.#states = new StreamStates(store, decider);
    this.#lanes = new Lanes(bounds.streamsMax);
    this.#bounds = bounds;
    this.#assumeNew = options.assumeNew ?? false;
  }

  /**
   * Decides a command on its stream, within the context's deadline.
   * @param assumed the state to assume for a stream that is not remembered, instead of a read
   * @throws EventStoreUnavailable: it is unknown whether the command was carried out.
   * UnreadableEvent: another version wrote to the stream, so this version can decide nothing on it.
   * Commands on other streams continue.
   */
  execute(
    stream: string,
    command: Command,
    context: CommandContext,
    assumed?: Assumed<State>,
  ): Promise<Result<Answer>> {
    const lane = this.#lanes.of(stream);
    if (lane.queued.length >= this.#bounds.waitingMax) {
      return Promise.resolve(refuse('overloaded', 'too many commands wait in front of this one'));
    }
    return new Promise((resolve, reject) => {
      lane.queued.push({ command, context, assumed, resolve, reject });
      if (!lane.running) void this.#drain(lane);
    });
  }

  /**
   * A stream's state: the remembered one, or else a read one. With `fresh`, the handler always
   * reads to the stream's end.
   * @throws EventStoreUnavailable
   */
  async state(stream: string, { fresh = false } = {}): Promise<State> {
    const lane = this.#lanes.of(stream);
    const isKnown = lane.loaded !== undefined && !this.#states.isDoubtful(lane.loaded);
    if (lane.loaded !== undefined && isKnown && !fresh) return lane.loaded.state;
    const loaded = await this.#readOn(lane);
    // The lane is working and has a newer state. It reads the stream itself if necessary.
    if (!lane.running) lane.loaded = loaded;
    return loaded.state;
  }

  /**
   * The remembered state of a stream, without a read. It may be out of date. Undefined if the
   * stream is not remembered.
   */
  known(stream: string): State | undefined {
    return this.#lanes.known(stream);
  }

  /**
   * Reads a stream to its end. A stream that is not remembered may be long. Therefore only one read
   * of it runs at a time. A command that comes meanwhile continues after it.
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

  async #drain(lane: Lane<State, Command, Answer>): Promise<void> {
    lane.running = true;
    while (lane.queued.length > 0) {
      const batch = lane.queued.splice(0, this.#bounds.batchMax);
      try {
        await this.#run(lane, batch);
      } catch (error) {
        lane.loaded = undefined;
        for (const { reject } of batch) reject(error);
        // The later commands would wait for the same silent store, each longer than the one before.
        if (error instanceof EventStoreUnavailable) {
          const unsent = withNothingWritten(error);
          for (const { reject } of lane.queued.splice(0)) reject(unsent);
        }
      }
    }
    lane.running = false;
  }

  /** Carries out the commands that were taken from a lane together. */
  async #run(
    lane: Lane<State, Command, Answer>,
    taken: readonly QueuedCommand<State, Command, Answer>[],
  ): Promise<void> {
    let batch = taken;
    // 1. Take the stream's state: remembered, assumed, or read. Only a read state is proven.
    const assumed = this.#assumption(taken[0]?.assumed);
    const isDoubtful = lane.loaded !== undefined && this.#states.isDoubtful(lane.loaded);
    let proven = isDoubtful || (lane.loaded === undefined && assumed === undefined);
    if (proven) lane.loaded = await this.#readOn(lane);
    for (let attempt = 1; attempt <= this.#bounds.attemptsMax; attempt++) {
      // 2. Add the facts that the commands need and that the state has only in earlier events.
      const known = lane.loaded ?? assumed ?? this.#states.unread();
      const commands = batch.map(({ command }) => command);
      const before = await this.#states.recall(lane.stream, known, commands);
      batch = refuseLate(batch);
      if (batch.length === 0) return;
      // 3. Decide each command on the state after the command before it.
      const { outcomes, events, state, since } = this.#decideAll(batch, before);
      const last = events.at(-1);
      if (last !== undefined) {
        // 4. Append, if the stream still ends at the revision of the decision. Then answer.
        const { epoch } = this.#store;
        const { revision: expected } = before;
        assertLastSeen(expected, lane.loaded);
        const appended = await this.#store.append(lane.stream, expected, events, timeLeft(batch));
        if (appended.ok) {
          const { revision, position } = appended;
          assertFollows(lane.stream, before, events, appended);
          lane.loaded = { state, revision, position, id: last.id, epoch, since };
          return answerEach(batch, outcomes, position);
        }
      } else if (proven) {
        return answerEach(batch, outcomes, before.position);
      }
      // 5. If another writer was first, read its events, and continue with step 2.
      lane.loaded = await this.#readOn(lane);
      proven = true;
    }
    const gaveUp = refuse('overloaded', 'other instances changed the same data first');
    for (const { resolve } of batch) resolve(gaveUp);
  }

  #decideAll(batch: readonly QueuedCommand<State, Command, Answer>[], from: Loaded<State>) {
    let { state, since } = from;
    const events: NewEvent[] = [];
    const outcomes: Outcome<Answer>[] = [];
    const add = (event: Event, command: string, context: CommandContext) => {
      const revision = revisionAfter(from.revision, events.length);
      state = this.#decider.evolve(state, { ...event, revision });
      const { deadlineMs: _, ...stored } = context;
      events.push({
        id: randomUUID(),
        event,
        metadata: { schemaVersion: versionToWrite(event), command, ...stored },
      });
      since = this.#states.snapshots.counted(since, event.type);
    };
    for (const { command, context } of batch) {
      const decision = writable(this.#decider.decide(command, state));
      if (!decision.ok) {
        outcomes.push(decision);
        continue;
      }
      for (const event of decision.events) add(event, command.type, context);
      outcomes.push({ ok: true, answer: decision.answer(state) });
    }
    if (events.length > 0) {
      const due = this.#states.snapshots.due(state, since);
      ({ since } = due);
      for (const event of due.events) add(event, snapshotCommand.type, snapshotCommand.context);
    }
    return { outcomes, events, state, since };
  }

  /** The state to assume for a stream that is not remembered. Undefined: read the stream. */
  #assumption(assumed: Assumed<State> | undefined): Loaded<State> | undefined {
    if (assumed !== undefined) return this.#states.assumed(assumed);
    return this.#assumeNew ? this.#states.unread() : undefined;
  }
}

/** The revision after `more` further events. */
const revisionAfter = (before: ExpectedRevision, more: number): bigint =>
  (before === 'no_stream' ? 0n : before + 1n) + BigInt(more);

/**
 * Asserts that the events have the revisions of the decision. A deleted stream accepts an append as
 * if it were new, but continues its old numbers. The decision would lack its past.
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
