import type { DomainEvent } from '../../events/events.ts';
import { whyNotWritable } from '../../events/writable.ts';
import { type Refusal, refuse } from './result.ts';

/**
 * Decides for one kind of stream. Pure: synchronous, no clock, no randomness, no I/O; time and ids come in with the
 * command. `evolve` returns a new state and leaves the old one as it is, because decisions are made ahead of their append.
 */
export interface Decider<State, Command, Event extends DomainEvent, Answer> {
  readonly initial: State;
  evolve(state: State, event: Event & Placed): State;
  decide(command: Command, state: State): Decision<Event, Answer>;
  /**
   * Does the state after this event not depend on what came before it? A read from scratch goes back to the newest such
   * event, and asks whether the stream still has its beginning.
   */
  readonly isWhole?: (event: Event) => boolean;
  /** For streams that grow without end: events that say all that still counts. */
  readonly summary?: Summary<State, Event>;
  readonly elsewhere?: Elsewhere<State, Command, Event>;
}

/** Where in its stream an event is; unknown for one that was never in a log: then it follows the last one. */
export interface Placed {
  readonly revision?: bigint;
}

/**
 * A stream is summed up in an event of its own, appended with the others once `everyEvents` came after the last one; a
 * read from scratch starts there. Unlike an event that is whole by chance, a summary is meant to be a beginning: what comes before
 * it need not be there any more. `evolve` of a summary replaces the state, but for what it names (`Elsewhere`).
 */
export interface Summary<State, Event extends DomainEvent> {
  /** The types of events that sum up. */
  readonly types: readonly Event['type'][];
  /** Those of events that these name, and that tell nothing of their own either. Where an event before one was skipped since, neither counts. */
  readonly partTypes?: readonly Event['type'][];
  readonly everyEvents: number;
  /**
   * What sums the state up. No events: this is no time for it, it is asked again after as many events. Events without a summary
   * among them: it takes several appends, and is asked again with the next one.
   */
  of(state: State): readonly Event[];
}

/**
 * For states that leave what rarely counts in earlier events of their stream: they know where it is, and it is read when a
 * command asks for it.
 */
export interface Elsewhere<State, Command, Event extends DomainEvent> {
  /** Revisions of single events that the state names and that it is not whole without. */
  partsOf(state: State): readonly number[];
  /** The state with such an event; undefined when it is none. */
  withPart(state: State, event: Event & Placed): State | undefined;
  /** Where the stream may tell of what a command is about and the state does not know; in ascending order. */
  placesOf(command: Command, state: State): readonly Place[];
  /** The state with what the events of those places tell about it. */
  recall(state: State, commands: readonly Command[], events: readonly Event[]): State;
}

/** Events of a stream, both revisions inclusive. */
export interface Place {
  readonly from: number;
  readonly to: number;
}

/** Events to append with the answer they make true, or a refusal. No events: it was so already. */
export type Decision<Event extends DomainEvent, Answer> =
  | { readonly ok: true; readonly events: readonly Event[]; readonly answer: Answer }
  | { readonly ok: false; readonly refusal: Refusal };

export const accept = <Event extends DomainEvent, Answer>(
  events: readonly Event[],
  answer: Answer,
): Decision<Event, Answer> => ({ ok: true, events, answer });

/** A decision whose events every reader takes; a refusal in place of one that would write what cannot be read again. */
export function writable<Event extends DomainEvent, Answer>(
  decision: Decision<Event, Answer>,
): Decision<Event, Answer> {
  if (!decision.ok) return decision;
  for (const event of decision.events) {
    const why = whyNotWritable(event);
    if (why !== undefined) return refuse('unwritable', why);
  }
  return decision;
}
