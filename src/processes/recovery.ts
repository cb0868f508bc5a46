import { requestOverMs } from '../commands/core/deadline.ts';
import type { OrganiserCommands, Recovery } from '../commands/sales/roles.ts';
import type { WorkLists } from '../queries/work-lists.ts';
import type { ProcessParts } from './repeat.ts';
import { type WorkList, workOff } from './work-off.ts';

/** Pause between searches for unfinished work, in milliseconds. */
const idleMs = 1_000;
/** Items finished at the same time. */
const concurrencyMax = 8;

export interface RecoveryParts extends ProcessParts {
  readonly sales: Recovery & Pick<OrganiserCommands, 'cancelForOrganiser'>;
  readonly lists: Omit<WorkLists, 'dueHolds'>;
  /**
   * Milliseconds since the epoch, by the clock that stamped the rows of the lists: the event
   * store's.
   */
  readonly rowsNow: () => number;
  /** The same by the service's clock, which stamped the claims. */
  readonly now: () => number;
  /** Told how each refund ended: `refunded`, or a refusal's code. */
  readonly onRefund?: (outcome: string) => void;
}

/**
 * Finishes or undoes what a crash, or a failure after the answer, left between two appends: each
 * process looks in its list for what waits too long, and has the command side bring it to its end,
 * which says by the streams what that is. They run until the signal aborts. Any number of instances
 * may run them.
 */
export function recover(parts: RecoveryParts): Promise<unknown> {
  return Promise.all(processes.map((run) => run(parts)));
}

const processes: readonly ((parts: RecoveryParts) => Promise<void>)[] = [
  settlePayments,
  payRefunds,
  settleOrders,
  settleClaims,
  giveBackCancelled,
];

/** A payment holds its money until its seat is sold, or is known not to be. */
function settlePayments(parts: RecoveryParts): Promise<void> {
  const { sales, lists, rowsNow } = parts;
  return finish(parts, {
    what: 'settle payments',
    left: lists.openPayments,
    now: rowsNow,
    keyOf: ({ reservationId }) => reservationId,
    work: async (payment) => (await sales.settlePayment(payment)).ok,
  });
}

/** A seat that was paid and given back: its money goes back too. */
function payRefunds(parts: RecoveryParts): Promise<void> {
  const { sales, lists, rowsNow, onRefund = () => {} } = parts;
  return finish(parts, {
    what: 'pay refunds',
    left: lists.refundsDue,
    now: rowsNow,
    keyOf: ({ reservationId }) => reservationId,
    work: async (refund) => {
      const result = await sales.refund(refund);
      onRefund(result.ok ? 'refunded' : result.refusal.code);
      return result.ok;
    },
  });
}

/** An order is confirmed, or ended, and its seats follow it. */
function settleOrders(parts: RecoveryParts): Promise<void> {
  const { sales, lists, rowsNow } = parts;
  return finish(parts, {
    what: 'settle orders',
    left: lists.unsettledOrders,
    now: rowsNow,
    keyOf: (orderId) => orderId,
    work: (orderId) => sales.settleOrder(orderId),
  });
}

/** A place in a limit of held seats was taken, and it is not known whether the hold was written. */
function settleClaims(parts: RecoveryParts): Promise<void> {
  const { sales, now } = parts;
  return finish(parts, {
    what: 'settle claims on held seats',
    left: (...asked) => sales.claimsInDoubt(...asked),
    now,
    keyOf: ({ claim }) => claim.id,
    work: (doubt) => sales.settleClaim(doubt),
  });
}

/** The session was cancelled: every seat and its money go back. */
function giveBackCancelled(parts: RecoveryParts): Promise<void> {
  const { sales, lists, rowsNow } = parts;
  return finish(parts, {
    what: 'give back cancelled sessions',
    left: lists.cancelledReservations,
    now: rowsNow,
    keyOf: (reservationId) => reservationId,
    work: async (reservationId) => (await sales.cancelForOrganiser(reservationId)).ok,
  });
}

interface LeftOver<Item> extends Pick<WorkList<Item>, 'what' | 'keyOf' | 'work'> {
  /** What waits since `sinceMs` or longer, oldest first. */
  readonly left: (sinceMs: number, limit: number, offset: number) => Promise<readonly Item[]>;
  readonly now: () => number;
}

/** Work that waits longer than any request takes: no request works on it. */
const finish = <Item>(
  { signal, onError }: ProcessParts,
  { left, now, ...work }: LeftOver<Item>,
): Promise<void> =>
  workOff({
    ...work,
    list: (limit, offset) => left(now() - requestOverMs, limit, offset),
    ...{ concurrencyMax, idleMs, signal, onError },
  });
