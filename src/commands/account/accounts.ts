import { paymentId } from '../../events/ids.ts';
import { accountStream } from '../../events/streams.ts';
import type { CommandContext, RequestContext } from '../core/command-context.ts';
import { CommandHandler, type HandlerOf } from '../core/command-handler.ts';
import type { EventStore } from '../core/event-store.ts';
import type { Result } from '../core/result.ts';
import { type AccountAnswer, accountDecider } from './decider.ts';

/**
 * What a payment is for. Its id derives from the reservation's, so it needs no look-up and cannot
 * come twice.
 */
export interface Bill {
  readonly userId: string;
  readonly reservationId: string;
  readonly amount: number;
  readonly currency: string;
}

type Payer = Pick<Bill, 'userId' | 'reservationId'>;

/** The commands on accounts. Each is named after its payment, and writes nothing a second time. */
export class Accounts {
  readonly #accounts: HandlerOf<typeof accountDecider>;

  constructor(store: EventStore) {
    this.#accounts = new CommandHandler(store, accountDecider);
  }

  charge(
    userId: string,
    charge: { chargeId: string; amount: number; currency: string; nowMs: number },
    context: CommandContext,
  ): Promise<Result<AccountAnswer>> {
    return this.#accounts.execute(
      accountStream(userId),
      { type: 'ChargeBalance', ...charge },
      context,
    );
  }

  /** Holds the bill's money until the seat says what becomes of it. */
  hold(
    bill: Bill & {
      readonly holdExpiresAtMs: number;
      readonly nowMs: number;
      readonly earliestMs: number;
      readonly provenAtMs?: number;
    },
    request: RequestContext,
  ): Promise<Result<AccountAnswer>> {
    const { userId, ...rest } = bill;
    const payment = paymentId(bill.reservationId);
    return this.#accounts.execute(
      accountStream(userId),
      { type: 'HoldPayment', paymentId: payment, ...rest },
      { ...request, commandId: `hold ${payment}` },
    );
  }

  capture(
    { userId, reservationId }: Payer,
    request: RequestContext = {},
  ): Promise<Result<AccountAnswer>> {
    const payment = paymentId(reservationId);
    return this.#accounts.execute(
      accountStream(userId),
      { type: 'CapturePayment', paymentId: payment },
      { ...request, commandId: `capture ${payment}` },
    );
  }

  release(
    { userId, reservationId }: Payer,
    reason: 'hold-expired' | 'cancelled',
  ): Promise<Result<AccountAnswer>> {
    const payment = paymentId(reservationId);
    return this.#accounts.execute(
      accountStream(userId),
      { type: 'ReleasePayment', paymentId: payment, reason },
      { commandId: `release ${payment}` },
    );
  }

  /**
   * Only for what the stream of the seat or the order has as refunded: this proves that it was
   * paid.
   */
  refund({ userId, ...bill }: Bill, request: RequestContext = {}): Promise<Result<AccountAnswer>> {
    const payment = paymentId(bill.reservationId);
    return this.#accounts.execute(
      accountStream(userId),
      { type: 'RefundPayment', paymentId: payment, ...bill },
      { ...request, commandId: `refund ${payment}` },
    );
  }

  /** `AccountState.leftOutBeforeMs`, by the log. */
  async leftOutBefore(userId: string): Promise<number> {
    return (await this.#accounts.state(accountStream(userId), { fresh: true })).leftOutBeforeMs;
  }

  /** What can be spent now. */
  async balance(userId: string): Promise<number> {
    return (await this.#accounts.state(accountStream(userId))).balance;
  }
}
