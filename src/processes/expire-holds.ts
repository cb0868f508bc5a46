import type { Recovery } from '../commands/sales/roles.ts';
import type { DueHold } from '../queries/work-lists.ts';
import type { ProcessParts } from './repeat.ts';
import { workOff } from './work-off.ts';

/**
 * Pause between looks for holds that ended, in milliseconds: a seat is bookable again well within a
 * second.
 */
const idleMs = 250;
/** Holds ended at the same time, so that many ending together do not stall the buyers' commands. */
const concurrencyMax = 32;

/**
 * The sweeper. A hold ends by a clock, so it has a durable timer: the due rows of the `reservation`
 * read model. The seat's stream decides; a hold that was paid in the meantime stays. Any number of
 * instances may sweep.
 */
export function expireHolds({
  sales,
  dueHolds,
  now,
  ...parts
}: ProcessParts & {
  readonly sales: Pick<Recovery, 'expire'>;
  /** Holds that ended by `atMs`, oldest first. */
  readonly dueHolds: (atMs: number, limit: number, offset: number) => Promise<readonly DueHold[]>;
  readonly now: () => number;
}): Promise<void> {
  return workOff({
    what: 'expire holds',
    list: (limit, offset) => dueHolds(now(), limit, offset),
    keyOf: ({ reservationId }) => reservationId,
    work: async (hold) => {
      const result = await sales.expire(hold.reservationId, hold);
      // Held still: this clock went back since the look, or its order was paid and the seat is
      // about to follow.
      return result.ok && result.value !== 'held';
    },
    concurrencyMax,
    idleMs,
    ...parts,
  });
}
