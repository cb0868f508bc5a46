import type { CatalogEvent } from '../../events/events.ts';
import { become, type Decider } from '../core/decider.ts';
import { PersistentMap } from '../core/persistent-map.ts';

/** The concert of each claimed session id. */
export type SessionOwners = PersistentMap<string>;

/** Claims those of the ids that no concert has yet. */
export interface SessionIdClaim {
  readonly type: 'ClaimSessions';
  readonly concertId: string;
  readonly sessionIds: readonly string[];
}

/**
 * Which concert a session id belongs to: the first that claims it, for good. One stream decides it
 * for the whole shop, because two imports may want the same id for different concerts, and each
 * concert's stream knows its own sessions only. Answers with the owner of each id.
 */
export const sessionIdsDecider: Decider<
  SessionOwners,
  SessionIdClaim,
  CatalogEvent,
  SessionOwners
> = {
  initial: PersistentMap.empty(),
  evolve,
  decide({ concertId, sessionIds }, owners) {
    const unclaimed = sessionIds.filter((id) => owners.get(id) === undefined);
    if (unclaimed.length === 0) return become();
    return become({ type: 'SessionsClaimed', data: { concertId, sessionIds: unclaimed } });
  },
};

function evolve(owners: SessionOwners, { data }: CatalogEvent): SessionOwners {
  return data.sessionIds.reduce((after, id) => after.with(id, data.concertId), owners);
}
