import { randomUUID } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import { concertStream, sessionsStream } from '../../events/streams.ts';
import { CommandHandler, type HandlerOf } from '../core/command-handler.ts';
import type { EventStore } from '../core/event-store.ts';
import { type Refusal, refuse } from '../core/result.ts';
import type { Catalog } from './catalog.ts';
import type { CatalogConcert } from './catalog-file.ts';
import { type ConcertAnswer, type ConcertCommand, concertDecider } from './decider.ts';
import { sessionIdsDecider } from './session-ids.ts';

const otherOrder =
  'its seats are listed in another order: they stay in the one they went on sale in';

/** The result for one concert or session. */
export interface ImportStep {
  readonly what: string;
  readonly outcome: ConcertAnswer | Refusal;
  /** A part of the file that has no effect, but is not a fault. */
  readonly note?: string;
}

/**
 * Writes the catalog to the log, with a command per concert and per session. It writes only the
 * parts that the log lacks. So a second run, or a run after a crash, writes only the rest. It never
 * removes anything.
 * @throws EventStoreUnavailable
 */
export async function* importCatalog(
  concerts: readonly CatalogConcert[],
  parts: { readonly store: EventStore; readonly catalog: Catalog; readonly currency: string },
): AsyncGenerator<ImportStep> {
  const concertHandler = new CommandHandler(parts.store, concertDecider);
  const run = async (concertId: string, command: ConcertCommand) => {
    const result = await concertHandler.execute(concertStream(concertId), command, {
      commandId: randomUUID(),
    });
    return result.ok ? result.value : result.refusal;
  };
  const idsHandler = new CommandHandler(parts.store, sessionIdsDecider);
  for (const { concertId, title, venue, waitingRoom, sessions } of concerts) {
    const details = {
      title,
      ...(venue !== undefined && { venue }),
      ...(waitingRoom !== undefined && { waitingRoom }),
    };
    yield {
      what: `concert ${concertId}`,
      outcome: await run(concertId, { type: 'RegisterConcert', details }),
    };
    const ids = sessions.map(({ sessionId }) => sessionId);
    const refusalOf = await claimSessionIds(concertId, ids, parts.catalog, idsHandler);
    for (const session of sessions) {
      const { sessionId, sections } = session;
      const scheduled = { ...session, currency: parts.currency };
      const known = parts.catalog.concert(concertId)?.sessions.get(sessionId)?.sections;
      const outcome =
        refusalOf(sessionId) ??
        (await run(concertId, { type: 'ScheduleSession', session: scheduled }));
      const inOtherOrder =
        known !== undefined && !isDeepStrictEqual(known, sections) && typeof outcome !== 'object';
      yield { what: `session ${sessionId}`, outcome, ...(inOtherOrder && { note: otherOrder }) };
    }
  }
}

/**
 * Claims a concert's session ids. The catalog knows the owners of its own sessions. The log decides
 * about the other ids, because another import may want them at the same time.
 * @returns why a session cannot belong to the concert, if it cannot
 */
async function claimSessionIds(
  concertId: string,
  sessionIds: readonly string[],
  catalog: Catalog,
  handler: HandlerOf<typeof sessionIdsDecider>,
): Promise<(sessionId: string) => Refusal | undefined> {
  const known = (id: string) => catalog.session(id)?.concertId;
  const unknown = sessionIds.filter((id) => known(id) === undefined);
  if (unknown.length === 0) return (id) => refusalUnless(concertId, known(id));
  const claimed = await handler.execute(
    sessionsStream,
    { type: 'ClaimSessions', concertId, sessionIds: unknown },
    { commandId: randomUUID() },
  );
  return (id) =>
    claimed.ok ? refusalUnless(concertId, known(id) ?? claimed.value.get(id)) : claimed.refusal;
}

const refusalUnless = (concertId: string, owner: string | undefined): Refusal | undefined =>
  owner === concertId
    ? undefined
    : refuse('session-elsewhere', `it belongs to concert ${owner}`).refusal;
