import { type EventStore, withAppend } from '../commands/core/event-store.ts';
import type { Result } from '../commands/core/result.ts';
import type { BuyerCommands } from '../commands/sales/roles.ts';
import type { AppendOutcome, Counters } from './counters.ts';

/** The store, with a measurement of its appends. */
export const countAppends = (store: EventStore, counters: Counters): EventStore =>
  withAppend(store, async (...given) => {
    const fromMs = performance.now();
    let outcome: AppendOutcome = 'failed';
    try {
      const appended = await store.append(...given);
      outcome = appended.ok ? 'written' : 'conflict';
      return appended;
    } finally {
      counters.appended(outcome, (performance.now() - fromMs) / 1_000);
    }
  });

/** The commands. The outcomes of the commands that sell are counted. */
export function countOutcomes(sales: BuyerCommands, counters: Counters): BuyerCommands {
  return {
    reserve: (command) =>
      counted(
        sales.reserve(command),
        () => 'held',
        (outcome) => counters.reserved(outcome),
      ),
    pay: (command) =>
      counted(
        sales.pay(command),
        () => 'paid',
        (outcome) => counters.paid(outcome),
      ),
    cancel: (command) =>
      counted(
        sales.cancel(command),
        ({ status }) => status,
        (outcome) => counters.cancelled(outcome),
      ),
    find: (reservationId) => sales.find(reservationId),
    sessionOf: (reservationId) => sales.sessionOf(reservationId),
    holds: (reservation) => sales.holds(reservation),
    charge: (command) => sales.charge(command),
  };
}

async function counted<T>(
  command: Promise<Result<T>>,
  name: (value: T) => string,
  tell: (outcome: string) => void,
): Promise<Result<T>> {
  let outcome = 'error';
  try {
    const result = await command;
    outcome = result.ok ? name(result.value) : result.refusal.code;
    return result;
  } finally {
    tell(outcome);
  }
}
