/**
 * A command of several appends, and where in it the process dies. Each has a concert, a session and
 * a user of its own.
 */
export interface FaultPoint {
  readonly command: keyof typeof appendsOf;
  /** From 1: the command's append that does not come back. */
  readonly append: number;
  /** Whether that append is in the log. */
  readonly written: boolean;
  readonly sessionId: string;
  readonly userId: string;
}

/** Appends that each command makes, those after its answer included. Orders have two seats. */
export const appendsOf = {
  /** PaymentHeld, SeatSold, PaymentCaptured. */
  pay: 3,
  /** SeatReleased. */
  cancel: 1,
  /** SeatReleased, PaymentRefunded. */
  refund: 2,
  /** OrderPlaced, SeatReserved × 2, OrderConfirmed. */
  order: 4,
  /** PaymentHeld, OrderPaid, SeatSold × 2, PaymentCaptured, OrderSettled. */
  'pay-order': 6,
  /** OrderEnded, SeatReleased × 2, OrderSettled. */
  'cancel-order': 4,
  /** OrderEnded, SeatReleased × 2, PaymentRefunded, OrderSettled. */
  'refund-order': 5,
  /**
   * SessionCancelled, then the above for a sold and a held order, and for a sold and a held seat.
   */
  'cancel-session': 1 + 5 + 2 + 4 + 1,
} as const;

/**
 * Every step of every command: before each append and after it. `run` makes the names of one run
 * its own.
 */
export function allFaultPoints(run: string): FaultPoint[] {
  const points: FaultPoint[] = [];
  for (const [command, appends] of Object.entries(appendsOf)) {
    for (let append = 1; append <= appends; append++) {
      for (const written of [false, true]) {
        const name = `${run}-${command}-${append}${written ? 'w' : ''}`;
        points.push({
          command: command as FaultPoint['command'],
          append,
          written,
          sessionId: name,
          userId: name,
        });
      }
    }
  }
  return points;
}
