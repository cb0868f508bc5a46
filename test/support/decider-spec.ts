import { expect } from 'chai';
import type { Decider } from '../../src/commands/core/decider.ts';
import type { Refusal, RefusalCode } from '../../src/commands/core/result.ts';
import type { DomainEvent } from '../../src/events/events.ts';

/** A decision, with its answer after its events are written. */
type Decided<Event, Answer> =
  | { readonly ok: true; readonly events: readonly Event[]; readonly answer: Answer }
  | { readonly ok: false; readonly refusal: Refusal };

/** Decides a command, and answers in the same way as the command handler. */
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

/** Specifies a decider: given events, when a command, then events or a refusal. */
export class DeciderSpec<State, Command, Event extends DomainEvent, Answer> {
  readonly #decider: Decider<State, Command, Event, Answer>;

  constructor(decider: Decider<State, Command, Event, Answer>) {
    this.#decider = decider;
  }

  /** Begins with the state after these events. */
  readonly given = (events: readonly Event[]) => ({
    when: (command: Command): Decision<Event, Answer> => {
      const decider = this.#decider;
      const before = events.reduce((state, event) => decider.evolve(state, event), decider.initial);
      return new Decision(decided(decider, command, before));
    },
  });
}

/** The decision of a decider. */
class Decision<Event, Answer> {
  readonly #decided: Decided<Event, Answer>;

  constructor(of: Decided<Event, Answer>) {
    this.#decided = of;
  }

  /**
   * Exactly these events, in this order.
   * @returns the answer after they are written
   */
  thenWrites(events: readonly Event[]): Answer {
    expect(this.#decided, 'refused').to.have.property('ok', true);
    if (!this.#decided.ok) throw new Error('unreachable');
    expect(this.#decided.events).to.deep.equal(events);
    return this.#decided.answer;
  }

  thenRefused(code: RefusalCode): void {
    expect(this.#decided).to.have.nested.property('refusal.code', code);
  }
}
