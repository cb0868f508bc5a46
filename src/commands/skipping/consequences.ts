import type { RecordedEvent } from '../../events/codec.ts';
import { type EventType, eventSchemas } from '../../events/events.ts';
import { versionOf } from '../../events/upcasters.ts';

/** The consequences of skipping an event. */
export interface Consequence {
  /** May money, a seat or a promise be lost? Then an operator must confirm this. */
  readonly mayLose: boolean;
  /** The state after the skip, and what to do about it. */
  readonly words: string;
}

type Words = { readonly [T in EventType]?: string };

/** Nobody loses anything if these are skipped. They concern nobody, or the service repeats them. */
const harmless: Words = {
  ConcertRegistered:
    'the concert has no title until the catalog is imported again, which registers it',
  ConcertRevised:
    'the concert keeps the title and venue that it had; import the catalog again to change them',
  SessionRescheduled:
    'the session keeps the times that it had; import the catalog again to move it',
  AccountSummarised: 'nothing: it only sums up what the account’s other events say',
  AccountIndexed: 'nothing: it only says which of the account’s other events are about what',
  AccountTotalled: 'nothing: it only sums up what the account’s other events say',
  PaymentCaptured:
    'the payment is open again, and the service takes the money again if the seat is sold to it',
  PaymentReleased:
    'the payment is open again, and the service gives the money back if the seat is not sold to it',
  PaymentRefunded: 'the refund is due again, and the service pays it',
  OrderSettled: 'the order is looked at again, and settled',
  QueueMoved:
    'users whose places it tells of lose their order when the queue is rebuilt from the log',
  QueueDrawn: 'the lot is drawn again, with another seed and so in another order',
  QueueSteered: 'the queue goes on as the step before it says: steer it again (reprise queue)',
};

const losses: Words = {
  ReleaseServed: 'nobody is told that this version served the log',
  LogRestored: 'nobody can tell the restored log from the one that was backed up',
  ImageRestored:
    'nobody can tell the log from the one before, whose later events were lost: the sale is open',
  LogRestoreFinished: 'the restore counts as cut short, and the sale cannot be opened',
  LogReconciled: 'what the restored log lacks counts as shown to nobody',
  SaleOpened: 'the sale of the restored log is closed again',
  SessionScheduled:
    'the session is not on sale, until the catalog is imported again. If another version of the service sold seats of it, ' +
    'lists show them as free then; who asks for one is told that it is taken',
  SessionCancelled: 'the session is on sale: cancel it again (reprise catalog cancel)',
  SessionsClaimed:
    'the session ids in it are nobody’s: import the catalog again before anything else is imported',
  SeatReserved:
    'the seat was never held by this buyer: it goes to who reserves it next. A payment under way is given back',
  SeatSold:
    'the seat is held and not sold: the hold ends, and another buyer may have it. Money that is held for it is given back; ' +
    'money that was taken already is not: charge it to the buyer’s balance yourself (reprise history account)',
  SeatReleased:
    'the seat stays whose it was. A hold ends again by itself. If it was a refund, none is due and the buyer keeps the ' +
    'seat: let them cancel again',
  OrderPlaced:
    'there is no such order: its seats are given back, and money that is held for it too',
  OrderConfirmed: 'the order waits for its seats again, and ends if they are not all held',
  OrderPaid:
    'the order is held and not sold: it ends, and others may have its seats. Money that is held for it is given back; money ' +
    'that was taken already is not: charge it to the buyer’s balance yourself (reprise history account)',
  OrderEnded:
    'the order goes on as it was. A hold ends again by itself. If it was a refund, the buyer keeps the seats: let them ' +
    'cancel again',
  BalanceCharged:
    'the money is not in the balance: charge the same amount again, with another Idempotency-Key. Where it was spent already, the ' +
    'balance is below zero until then',
  PaymentHeld:
    'the money can be spent again, and nothing is paid by it. If the seat was sold for it, the buyer has it unpaid',
  RequestStarted:
    'a request that comes again with this Idempotency-Key is carried out as if it were new',
  RequestAnswered: 'a request that comes again with this Idempotency-Key is carried out again',
  RequestAbandoned: 'the Idempotency-Key stays in use until its time is over',
};

/**
 * The consequence for an unreadable event. It depends only on the type, because the content is
 * unknown.
 */
export function consequenceOf({ type, metadata }: RecordedEvent): Consequence {
  const newer = isOfNewerVersion(type, metadata)
    ? 'a newer version of the service wrote it and can read it: deploy that one and run reprise projections retry instead, ' +
      'where you can. Skipped, it counts for nothing there either: '
    : '';
  const safe = of(harmless, type);
  if (safe !== undefined) return { mayLose: newer !== '', words: `${newer}${safe}` };
  const unknown =
    'what it said is lost. This version does not know its type: another program wrote it, or a newer version, which can ' +
    'read it';
  return { mayLose: true, words: `${newer}${of(losses, type) ?? unknown}` };
}

/** The log may have any type. */
const of = (words: Words, type: string): string | undefined =>
  Object.hasOwn(words, type) ? words[type as EventType] : undefined;

function isOfNewerVersion(type: string, metadata: unknown): boolean {
  if (!Object.hasOwn(eventSchemas, type)) return false;
  const version = (metadata as { readonly schemaVersion?: unknown } | null)?.schemaVersion;
  return typeof version === 'number' && version > versionOf(type as EventType);
}
