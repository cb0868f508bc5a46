import type { DomainEvent } from '../../events/events.ts';
import { whyNotWritable } from '../../events/writable.ts';
import { type Refusal, refuse } from './result.ts';
import type { SnapshotPolicy } from './snapshot.ts';

/**
 * Decides for one kind of stream. Pure: synchronous, no clock, no randomness, no I/O; time and ids
 * come in with the command. `evolve` returns a new state and leaves the old one as it is, because
 * decisions are made ahead of their append.
 */
export interface Decider<State, Command, Event extends DomainEvent, Answer> {
  readonly initial: State;
  evolve(state: State, event: Event & AtRevision): State;
  decide(command: Command, state: State): Decision<State, Event, Answer>;
  /**
   * Is the state after this event independent of what came before it? A read from scratch goes back
   * to the newest such event, and asks whether the stream still has its beginning.
   */
  readonly isWhole?: (event: Event) => boolean;
  /** For streams that grow without end. */
  readonly snapshot?: SnapshotPolicy<State, Event>;
  readonly elsewhere?: Elsewhere<State, Command, Event>;
}

/** Where in its stream an event is. An event that was never in a log follows the last one. */
export interface AtRevision {
  readonly revision?: bigint;
}

/**
 * For states that leave what rarely counts in earlier events of their stream: they know where it
 * is, and it is read when a command asks for it.
 */
export interface Elsewhere<State, Command, Event extends DomainEvent> {
  /** Revisions of single events that the state names and that it is not whole without. */
  partsOf(state: State): readonly number[];
  /** The state with such an event; undefined when the event is none. */
  withPart(state: State, event: Event & AtRevision): State | undefined;
  /** Where the stream may have what a command is about and the state does not know, ascending. */
  rangesOf(command: Command, state: State): readonly RevisionRange[];
  /** The state with what the events of those ranges say about the commands. */
  recall(state: State, commands: readonly Command[], events: readonly Event[]): State;
}

/** Events of a stream, both revisions inclusive. */
export interface RevisionRange {
  readonly from: number;
  readonly to: number;
}

/**
 * Events to append, with the answer that they make true, or a refusal. No events: it was so
 * already. The answer is made of the state after the events: the command handler has evolved it.
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

/** The decision, or a refusal when it would write what cannot be read again. */
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
