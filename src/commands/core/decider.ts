import type { RecordedEvent } from '../../events/codec.ts';
import type { DomainEvent } from '../../events/events.ts';
import { whyNotWritable } from '../../events/writable.ts';
import { type Refusal, refuse } from './result.ts';
import type { SnapshotPolicy } from './snapshot.ts';

/**
 * Decides for one kind of stream. It is pure: synchronous, without clock, randomness or I/O. Time
 * and ids are in the command. `evolve` returns a new state and does not change the old one, because
 * decisions are made before their append.
 */
export interface Decider<State, Command, Event extends DomainEvent, Answer> {
  readonly initial: State;
  evolve(state: State, event: Event & AtRevision): State;
  decide(command: Command, state: State): Decision<State, Event, Answer>;
  /**
   * Is the state after this event independent of what came before it? A read without a remembered
   * state goes back to the newest such event. It also checks that the stream still has its
   * beginning.
   */
  readonly isWhole?: (event: Event) => boolean;
  /** For streams that grow without end. */
  readonly snapshot?: SnapshotPolicy<State, Event>;
  readonly elsewhere?: Elsewhere<State, Command, Event>;
}

/**
 * The place of an event in its stream. An event that is not in the log yet follows the last one.
 */
export interface AtRevision {
  readonly revision?: bigint;
}

/**
 * For states that leave rarely needed facts in earlier events of their stream. Such a state knows
 * where these events are. The handler reads them when a command needs them.
 */
export interface Elsewhere<State, Command, Event extends DomainEvent> {
  /** Revisions of single events that the state names and that it needs to be complete. */
  partsOf(state: State): readonly number[];
  /** The state with such an event; undefined when the event is none. */
  withPart(state: State, event: Event & AtRevision): State | undefined;
  /**
   * The ranges where the stream may have facts about the command that the state does not know,
   * ascending.
   */
  rangesOf(command: Command, state: State): readonly RevisionRange[];
  /**
   * Says of each event of those ranges whether it may have facts about the commands. Only these are
   * decoded. The event's version is known, but no schema has checked its data: if in doubt, true.
   */
  concerns(commands: readonly Command[]): (recorded: RecordedEvent) => boolean;
  /** The state with the facts of those events that concern the commands. */
  recall(state: State, commands: readonly Command[], events: readonly Event[]): State;
}

/** Events of a stream, both revisions inclusive. */
export interface RevisionRange {
  readonly from: number;
  readonly to: number;
}

/**
 * Events to append with the answer to the command, or a refusal. Without events, the command was
 * already carried out. The answer is made from the state after the events, which the command
 * handler has computed.
 */
export type Decision<State, Event extends DomainEvent, Answer> =
  | {
      readonly ok: true;
      readonly events: readonly Event[];
      readonly answer: (after: State) => Answer;
    }
  | { readonly ok: false; readonly refusal: Refusal };

/** @param answer independent of the state after the events */
export const accept = <State, Event extends DomainEvent, Answer>(
  events: readonly Event[],
  answer: Answer,
): Decision<State, Event, Answer> => ({ ok: true, events, answer: () => answer });

/** Answers with the state after the events. */
export const become = <State, Event extends DomainEvent>(
  ...events: readonly Event[]
): Decision<State, Event, State> => ({ ok: true, events, answer: (after) => after });

/** The decision, or a refusal if a reader could not read its events. */
export function writable<State, Event extends DomainEvent, Answer>(
  decision: Decision<State, Event, Answer>,
): Decision<State, Event, Answer> {
  if (!decision.ok) return decision;
  for (const event of decision.events) {
    const why = whyNotWritable(event);
    if (why !== undefined) return refuse('unwritable', why);
  }
  return decision;
}
