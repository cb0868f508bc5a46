import { BoundedCache } from './bounded-cache.ts';

/** Where an event of a recent append stands. */
export interface RecentEvent {
  readonly stream: string;
  readonly revision: number;
  readonly position: number;
}

/**
 * Ids of the events written last, for retries without an expected revision: as weak as
 * EventStoreDB's own (it forgets with size and with a restart). Retries with a revision never need
 * it.
 */
export type RecentEvents = BoundedCache<string, RecentEvent>;

/** Events remembered, twice as many at most (about 200 bytes each). */
const recentEventsMax = 50_000;

export function recentEvents(): RecentEvents {
  return new BoundedCache(recentEventsMax);
}
