import type { CatalogEvent } from '../../events/events.ts';
import { become, type Decider } from '../core/decider.ts';
import { PersistentMap } from '../core/persistent-map.ts';

/** The concert of each claimed session id. */
export type SessionOwners = PersistentMap<string>;

/** Claims the ids that no concert has yet. */
export interface SessionIdClaim {
  readonly type: 'ClaimSessions';
  readonly concertId: string;
  readonly sessionIds: readonly string[];
}

/**
 * Decides which concert owns a session id. The first concert that claims it owns it for good. One
 * stream decides for the whole shop. Two imports may want the same id for different concerts, but
 * each concert's stream knows only its own sessions. The answer is the owner of each id.
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
