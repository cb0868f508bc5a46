import { expect } from 'chai';
import fc from 'fast-check';
import { accountDecider } from '../../src/commands/account/decider.ts';
import type { AccountState } from '../../src/commands/account/evolve.ts';
import type { Decider } from '../../src/commands/core/decider.ts';
import { accept } from '../../src/commands/core/decider.ts';
import { PersistentMap } from '../../src/commands/core/persistent-map.ts';
import { seatDecider } from '../../src/commands/seat/decider.ts';
import type { DomainEvent } from '../../src/events/events.ts';
import { concurrent, serial } from './support/histories.ts';
import { ignoringRevision } from './support/ignoring-revision.ts';
import { runAtOnce, runSerially } from './support/run-histories.ts';

/**
 * Histories tried by each test; more with MODEL_RUNS. A failing one prints its seed: try it again
 * with MODEL_SEED.
 */
const numRuns = Number(process.env.MODEL_RUNS || 300);
const seed = process.env.MODEL_SEED ? Number(process.env.MODEL_SEED) : undefined;

describe('random histories against a model of seats and money', function () {
  this.timeout(300_000);

  const isSerial = fc.asyncProperty(serial, (steps) => runSerially(steps));

  it('one after another: every answer, seat and balance is what the model says, crashes included', () =>
    fc.assert(isSerial, options()));

  const isSafe = fc.asyncProperty(concurrent, ([steps, turns]) => runAtOnce(steps, turns));

  it('at once: nothing is ever wrong in the log, and after a restart nothing is left half way', () =>
    fc.assert(isSafe, options()));

  describe('negative controls: without the guard the same test fails', () => {
    it('the expected revision', () =>
      fails(
        fc.asyncProperty(concurrent, ([steps, turns]) => runAtOnce(steps, turns, ignoringRevision)),
      ));

    it('closing the hold before the money goes back', () =>
      mutated(seatDecider, (decide) => (command, state) => {
        if (command.type !== 'ExpireHold' || state.status !== 'held') return decide(command, state);
        return accept([], { status: 'free', ordinal: state.ordinal });
      })(() => fails(isSafe)));

    it('the money is held once a payment, by the account’s state', () =>
      mutated(
        accountDecider,
        (decide) => (command, state) =>
          decide(command, command.type === 'HoldPayment' ? forgetful(state) : state),
      )(() => fails(isSerial)));

    it('a hold is resolved once, by the account’s state', () =>
      mutated(
        accountDecider,
        (decide) => (command, state) =>
          command.type === 'RefundPayment'
            ? decide(command, forgetful(state))
            : decide(command, state),
      )(() => fails(isSerial)));

    it('a seat is sold to the reservation that holds it only', () =>
      mutated(
        seatDecider,
        (decide) => (command, state) =>
          command.type === 'SellSeat' && state.status === 'held'
            ? decide({ ...command, reservationId: state.reservationId }, state)
            : decide(command, state),
      )(() => fails(isSafe)));
  });
});

const options = () => ({ numRuns, ...(seed === undefined ? {} : { seed }) });

/** The property must be refuted; a few hundred histories do it, and how many it takes is chance. */
async function fails<Values>(property: fc.IAsyncProperty<Values>) {
  const { failed } = await fc.check(property, {
    numRuns: 20_000,
    endOnFailure: true,
  });
  expect(failed, 'refuted').to.equal(true);
}

const forgetful = (state: AccountState): AccountState => ({
  ...state,
  payments: PersistentMap.empty(),
});

/** Runs with a decider whose rule is changed, and puts it back. */
function mutated<State, Command, Event extends DomainEvent, Answer>(
  decider: Decider<State, Command, Event, Answer>,
  change: (decide: typeof decider.decide) => typeof decider.decide,
) {
  return async (work: () => Promise<void>): Promise<void> => {
    const { decide } = decider;
    try {
      Object.assign(decider, { decide: change(decide) });
      await work();
    } finally {
      Object.assign(decider, { decide });
    }
  };
}
