import { paymentId } from '../../events/ids.ts';
import { accountStream } from '../../events/streams.ts';
import type { CommandContext, RequestContext } from '../core/command-context.ts';
import { CommandHandler, type HandlerOf } from '../core/command-handler.ts';
import type { EventStore } from '../core/event-store.ts';
import type { Result } from '../core/result.ts';
import { type AccountAnswer, accountDecider } from './decider.ts';

/**
 * The subject of a payment. The id of the payment comes from the reservation's id. So it needs no
 * search, and there can be only one.
 */
export interface Bill {
  readonly userId: string;
  readonly reservationId: string;
  readonly amount: number;
  readonly currency: string;
}

type Payer = Pick<Bill, 'userId' | 'reservationId'>;

/** The commands on accounts. Each has the id of its payment, and a repetition writes nothing. */
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

  /** Holds the money of the bill until the seat decides about it. */
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
   * Only for a reservation that is refunded in the stream of the seat or the order. This proves
   * that it was paid.
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

  /** The money that the user can spend now. */
  async balance(userId: string): Promise<number> {
    return (await this.#accounts.state(accountStream(userId))).balance;
  }
}
