import type { CatalogEvent } from '../../events/events.ts';
import { accept, type Decider } from '../core/decider.ts';
import { PersistentMap } from '../core/persistent-map.ts';

/** The concert that each claimed session id belongs to. */
export type SessionOwners = PersistentMap<string>;

/** Claims those of the ids that no concert has yet. */
export interface ClaimSessions {
  readonly type: 'ClaimSessions';
  readonly concertId: string;
  readonly sessionIds: readonly string[];
}

/**
 * Which concert a session id belongs to: whichever claims it first, for good. One stream decides it for the whole shop, because
 * two imports may want the same id for different concerts, and each concert's stream knows its own sessions only. Answers
 * with who owns which id.
 */
export const sessionIdsDecider: Decider<SessionOwners, ClaimSessions, CatalogEvent, SessionOwners> =
  {
    initial: PersistentMap.empty(),
    evolve,
    decide({ concertId, sessionIds }, owners) {
      const unclaimed = sessionIds.filter((id) => owners.get(id) === undefined);
      if (unclaimed.length === 0) return accept([], owners);
      const data = { concertId, sessionIds: unclaimed };
      const claimed: CatalogEvent = { type: 'SessionsClaimed', data };
      return accept([claimed], evolve(owners, claimed));
    },
  };

function evolve(owners: SessionOwners, { data }: CatalogEvent): SessionOwners {
  return data.sessionIds.reduce((after, id) => after.with(id, data.concertId), owners);
}
