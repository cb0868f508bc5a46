import fc from 'fast-check';
import { holdMs } from './sale.ts';

/** Random histories: what buyers, clocks, processes and crashes do, over three instances. */

const instances = 3;
const on = fc.nat(instances - 1);
const user = fc.constantFrom('u1', 'u2', 'u3');
const owner = fc.oneof(
  { weight: 5, arbitrary: fc.constant('owner') },
  { weight: 1, arbitrary: user },
);
const nth = fc.nat(4);
const seats = fc.uniqueArray(fc.constantFrom('A-1-1', 'A-1-2', 'B-1-1'), {
  minLength: 1,
  maxLength: 3,
});
const as = fc.constantFrom('c1', 'c2', 'c3', 'c4', 'c5', 'c6', 'c7', 'c8');
const reserve = fc.record({ do: fc.constant('reserve' as const), user, seats, on, as });
const part = fc.oneof(
  { weight: 7, arbitrary: fc.constant(false) },
  { weight: 1, arbitrary: fc.constant(true) },
);
const pay = fc.record({ do: fc.constant('pay' as const), user: owner, nth, on, part });
const cancel = fc.record({ do: fc.constant('cancel' as const), user: owner, nth, on, part });
const charge = fc.record({
  do: fc.constant('charge' as const),
  user,
  amount: fc.constantFrom(70, 100, 170),
  key: fc.constantFrom('k1', 'k2', 'k3', 'k4', 'k5', 'k6'),
  on,
});
const clock = fc.record({
  do: fc.constant('clock' as const),
  ms: fc.constantFrom(1, 1_000, holdMs - 1, holdMs),
});
const process_ = fc.record({ do: fc.constantFrom('sweep' as const, 'finish' as const), on });
const cancelSession = fc.record({ do: fc.constant('cancel-session' as const), on });
const crash = fc.record({
  do: fc.constant('crash' as const),
  on,
  after: fc.nat(5),
  written: fc.boolean(),
});

/**
 * One thing after another, over instances that each remember what they saw; each may die between
 * two appends.
 */
export const serial = fc.array(
  fc.oneof(
    { weight: 6, arbitrary: reserve },
    { weight: 6, arbitrary: pay },
    { weight: 3, arbitrary: cancel },
    { weight: 4, arbitrary: charge },
    { weight: 2, arbitrary: clock },
    { weight: 2, arbitrary: process_ },
    { weight: 2, arbitrary: crash },
    { weight: 1, arbitrary: cancelSession },
  ),
  { maxLength: 25 },
);

/** Several at once, in any interleaving of their calls of the log, by clocks that differ. */
const rounds = fc.array(
  fc.array(
    fc.oneof(
      { weight: 6, arbitrary: reserve },
      { weight: 8, arbitrary: pay },
      { weight: 3, arbitrary: cancel },
      { weight: 3, arbitrary: charge },
      { weight: 3, arbitrary: process_ },
      { weight: 2, arbitrary: clock },
      { weight: 2, arbitrary: crash },
      { weight: 1, arbitrary: cancelSession },
    ),
    { minLength: 1, maxLength: 6 },
  ),
  { maxLength: 8 },
);
const choices = fc.array(fc.nat(9), { maxLength: 40 });
export const concurrent = fc.tuple(rounds, choices);
