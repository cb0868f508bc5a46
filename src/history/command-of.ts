import type { RecordedEvent } from '../events/codec.ts';
import type { EventType } from '../events/events.ts';

/** The origin of an event. */
export interface Origin {
  /** The command's name: `ReserveSeat`. */
  readonly command: string;
  /**
   * The X-Request-Id of its request; undefined if the service or the command line wrote it without
   * a request.
   */
  readonly requestId: string | undefined;
}

/** The command that wrote an event, and the user for whom it was written. */
export function originOf({ type, metadata }: RecordedEvent): Origin {
  const { command, commandId, correlationId } = (metadata ?? {}) as Record<string, unknown>;
  const requestId = typeof correlationId === 'string' ? correlationId : undefined;
  if (typeof command === 'string') return { command, requestId };
  const id = typeof commandId === 'string' ? commandId : '';
  return {
    command: commandByItsId(id, type) ?? commandByEvent[type as EventType] ?? '?',
    requestId,
  };
}

/** A text for people that says who caused the command. */
export function byWhom({ command, requestId }: Origin): string {
  if (requestId !== undefined) return `request ${requestId}`;
  switch (command) {
    case 'ExpireHold':
    case 'ExpireOrder':
      return 'the service, on time';
    case 'CancelReservation':
    case 'CancelOrder':
      return 'the organiser, which cancelled the session';
    case 'SkipEvent':
      return 'an operator';
    default:
      return 'the service';
  }
}

/**
 * Old events have no command name in their metadata. Except for commands of buyers, their command
 * ids begin with the name.
 */
function commandByItsId(id: string, type: string): string | undefined {
  const isOrder = type.startsWith('Order');
  const [verb = '', second] = id.split(' ');
  switch (second === undefined ? '' : verb) {
    case 'sell':
      return isOrder ? 'PayOrder' : 'SellSeat';
    case 'expire':
      return isOrder ? 'ExpireOrder' : 'ExpireHold';
    case 'cancel':
      return isOrder ? 'CancelOrder' : 'CancelReservation';
    case 'give':
      return 'GiveBack';
    case 'refund':
      return 'RefundPayment';
    default:
      return undefined;
  }
}

/** The only command that writes such an event, except for those that `commandByItsId` finds. */
const commandByEvent: Readonly<Record<EventType, string>> = {
  ConcertRegistered: 'RegisterConcert',
  ConcertRevised: 'RegisterConcert',
  SessionScheduled: 'ScheduleSession',
  SessionRescheduled: 'ScheduleSession',
  SessionCancelled: 'CancelSession',
  SessionsClaimed: 'ClaimSessions',
  SeatReserved: 'ReserveSeat',
  SeatSold: 'SellSeat',
  // The next buyer's command ended a hold whose time was over.
  SeatReleased: 'ReserveSeat',
  OrderPlaced: 'PlaceOrder',
  OrderConfirmed: 'ConfirmOrder',
  OrderPaid: 'PayOrder',
  OrderEnded: 'AbandonOrder',
  OrderSettled: 'SettleOrder',
  BalanceCharged: 'ChargeBalance',
  PaymentHeld: 'HoldPayment',
  PaymentCaptured: 'CapturePayment',
  PaymentReleased: 'ReleasePayment',
  PaymentRefunded: 'RefundPayment',
  AccountSummarised: 'SumUp',
  AccountIndexed: 'SumUp',
  AccountTotalled: 'SumUp',
  RequestStarted: 'StartRequest',
  RequestAnswered: 'AnswerRequest',
  RequestAbandoned: 'AbandonRequest',
  EventSkipped: 'SkipEvent',
  SkipAnnounced: 'SkipEvent',
  QueueSteered: 'SteerQueue',
  QueueDrawn: 'DrawLot',
  QueueMoved: 'MoveQueue',
  ReleaseServed: 'Serve',
  LogRestored: 'RestoreLog',
  ImageRestored: 'RestoreLog',
  LogRestoreFinished: 'RestoreLog',
  LogReconciled: 'ReconcileLog',
  SaleOpened: 'OpenSale',
};
