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
   * Milliseconds since the epoch, by the event store's clock, which made the times in the rows of
   * the lists.
   */
  readonly rowsNow: () => number;
  /** The same by the service's clock, which made the times of the claims. */
  readonly now: () => number;
  /** Called with the result of each refund: `refunded`, or a refusal's code. */
  readonly onRefund?: (outcome: string) => void;
}

/**
 * Finishes or undoes work that a crash, or a failure after the answer, has interrupted between two
 * appends. Each process searches its list for work that waits too long. The command side brings
 * this work to its end; the streams decide about it. The processes run until the signal aborts. Any
 * number of instances may run them.
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

/**
 * Settles payments. A payment holds its money until its seat is sold, or until it is certain that
 * the seat will not be sold.
 */
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

/** Pays refunds. If a paid seat was given back, its money goes back, too. */
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

/** Settles orders. An order is confirmed or ended, and its seats follow it. */
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

/**
 * Settles claims. A claim counts against the limit of held seats, but it is unknown whether the
 * hold was written.
 */
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

/** Gives back the seats of cancelled sessions, with their money. */
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
  /** Items that have waited since `sinceMs` or longer, oldest first. */
  readonly left: (sinceMs: number, limit: number, offset: number) => Promise<readonly Item[]>;
  readonly now: () => number;
}

/** Only work that has waited longer than any request takes. So no request is working on it. */
const finish = <Item>(
  { signal, onError }: ProcessParts,
  { left, now, ...work }: LeftOver<Item>,
): Promise<void> =>
  workOff({
    ...work,
    list: (limit, offset) => left(now() - requestOverMs, limit, offset),
    ...{ concurrencyMax, idleMs, signal, onError },
  });
