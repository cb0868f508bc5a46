import { orderStream } from '../../events/streams.ts';
import { CommandHandler } from '../core/command-handler.ts';
import type { EventStore } from '../core/event-store.ts';
import type { Result } from '../core/result.ts';
import type { CommandContext } from '../sales/roles.ts';
import { type OrderCommand, type OrderState, orderDecider } from './decider.ts';

/** The commands on orders, by their ids. */
export class OrderStreams {
  readonly #orders: CommandHandler<
    OrderState,
    OrderCommand,
    Parameters<typeof orderDecider.evolve>[1],
    OrderState
  >;

  constructor(store: EventStore) {
    this.#orders = new CommandHandler(store, orderDecider, { assumeNew: true });
  }

  execute(
    orderId: string,
    command: OrderCommand,
    context: CommandContext,
  ): Promise<Result<OrderState>> {
    return this.#orders.execute(orderStream(orderId), command, context);
  }

  /** The order by the log. */
  current(orderId: string): Promise<OrderState> {
    return this.#orders.state(orderStream(orderId), { fresh: true });
  }

  /** The order as the last command on it left it; one that is not known here is read. */
  async remembered(orderId: string): Promise<OrderState> {
    const known = await this.#orders.state(orderStream(orderId));
    return known.status === 'none' ? this.current(orderId) : known;
  }
}
