import { expect } from 'chai';
import type { Decider } from '../../src/commands/core/decider.ts';
import type { Refusal } from '../../src/commands/core/result.ts';
import type { DomainEvent } from '../../src/events/events.ts';

/** A decision with the answer that it has once its events are written. */
type Decided<Event, Answer> =
  | { readonly ok: true; readonly events: readonly Event[]; readonly answer: Answer }
  | { readonly ok: false; readonly refusal: Refusal };

/** Decides a command, and answers as the command handler does. */
export function decided<State, Command, Event extends DomainEvent, Answer>(
  decider: Decider<State, Command, Event, Answer>,
  command: Command,
  before: State,
): Decided<Event, Answer> {
  const decision = decider.decide(command, before);
  if (!decision.ok) return decision;
  const { events, answer } = decision;
  const after = events.reduce((state, event) => decider.evolve(state, event), before);
  return { ok: true, events, answer: answer(after) };
}

/**
 * Specifies a decider: given events, when a command, then exactly these events in order, or a
 * refusal's code.
 */
export function specify<State, Command, Event extends DomainEvent, Answer>(
  decider: Decider<State, Command, Event, Answer>,
) {
  return (given: readonly Event[]) => ({
    when(command: Command) {
      const before = given.reduce((state, event) => decider.evolve(state, event), decider.initial);
      const decision = decided(decider, command, before);
      return {
        thenWrites(events: readonly Event[]): Answer {
          expect(decision, 'refused').to.have.property('ok', true);
          if (!decision.ok) throw new Error('unreachable');
          expect(decision.events).to.deep.equal(events);
          return decision.answer;
        },
        thenRefused(code: string) {
          expect(decision).to.have.nested.property('refusal.code', code);
        },
      };
    },
  });
}
