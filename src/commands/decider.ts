import type { DomainEvent } from '../events/events.ts';
import { whyNotWritable } from '../events/writable.ts';
import { type Refusal, refuse } from './result.ts';

/**
 * Decides for one kind of stream. Pure: synchronous, no clock, no randomness, no I/O; time and ids come in with the
 * command. `evolve` returns a new state and leaves the old one as it is, because decisions are made ahead of their append.
 */
export interface Decider<State, Command, Event extends DomainEvent, Answer> {
  readonly initial: State;
  evolve(state: State, event: Event): State;
  decide(command: Command, state: State): Decision<Event, Answer>;
  /** For streams that grow without end: an event that says all that still counts. */
  readonly summary?: Summary<State, Event>;
}

/**
 * A stream is summed up in an event of its own, appended with the others once `everyEvents` came after the last one; a
 * read from scratch starts there. `evolve` of a summary replaces the state. `of` may say that now is no time for it; it is asked
 * again after as many events.
 */
export interface Summary<State, Event extends DomainEvent> {
  readonly type: Event['type'];
  readonly everyEvents: number;
  of(state: State): Event | undefined;
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
