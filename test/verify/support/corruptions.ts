import { corruptAccounts } from './corrupt-accounts.ts';
import { corruptEvents } from './corrupt-events.ts';
import { corruptOrders } from './corrupt-orders.ts';
import { corruptSales } from './corrupt-sales.ts';
import type { Corruptions } from './world.ts';

/** Every way to spoil a log that the proof must find, by name. */
export const corrupt: Corruptions = {
  ...corruptSales,
  ...corruptOrders,
  ...corruptAccounts,
  ...corruptEvents,
};
