import { expect } from 'chai';
import type { Decider } from '../../src/commands/core/decider.ts';
import type { DomainEvent } from '../../src/events/events.ts';

/** Specifies a decider: given events, when a command, then exactly these events in order, or a refusal's code. */
export function specify<State, Command, Event extends DomainEvent, Answer>(
  decider: Decider<State, Command, Event, Answer>,
) {
  return (given: readonly Event[]) => ({
    when(command: Command) {
      const before = given.reduce((state, event) => decider.evolve(state, event), decider.initial);
      const decision = decider.decide(command, before);
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
