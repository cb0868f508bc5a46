import { BoundedCache } from './bounded-cache.ts';

/** The place of an event of a recent append. */
export interface RecentEvent {
  readonly stream: string;
  readonly revision: number;
  readonly position: number;
}

/**
 * The ids of the newest events, for retries without an expected revision. Like EventStoreDB's own
 * memory, it is limited in size and lost at a restart. Retries with a revision do not need it.
 */
export type RecentEvents = BoundedCache<string, RecentEvent>;

/** The number of remembered events (at most twice as many), about 200 bytes each. */
const recentEventsMax = 50_000;

export function recentEvents(): RecentEvents {
  return new BoundedCache(recentEventsMax);
}
