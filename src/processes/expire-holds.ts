import type { Recovery } from '../commands/sales/roles.ts';
import type { DueHold } from '../queries/work-lists.ts';
import type { ProcessParts } from './repeat.ts';
import { workOff } from './work-off.ts';

/**
 * Pause between two searches for holds that ended, in milliseconds. With it, a seat is bookable
 * again within a second.
 */
const idleMs = 250;
/**
 * The number of holds that the sweeper ends at the same time. It is limited. So many holds that end
 * together do not delay the buyers' commands.
 */
const concurrencyMax = 32;

/**
 * The sweeper. A hold ends by a clock, so it needs a durable timer: the due rows of the
 * `reservation` read model. The seat's stream decides. A hold that was paid in the meantime stays.
 * Any number of instances may run it.
 */
export function expireHolds({
  sales,
  dueHolds,
  now,
  ...parts
}: ProcessParts & {
  readonly sales: Pick<Recovery, 'expire'>;
  /** Holds whose time was over at `atMs`, oldest first. */
  readonly dueHolds: (atMs: number, limit: number, offset: number) => Promise<readonly DueHold[]>;
  readonly now: () => number;
}): Promise<void> {
  return workOff({
    what: 'expire holds',
    list: (limit, offset) => dueHolds(now(), limit, offset),
    keyOf: ({ reservationId }) => reservationId,
    work: async (hold) => {
      const result = await sales.expire(hold.reservationId, hold);
      // The seat is still held. Either this clock went back since the search, or the order was paid
      // and the seat will soon follow.
      return result.ok && result.value !== 'held';
    },
    concurrencyMax,
    idleMs,
    ...parts,
  });
}
