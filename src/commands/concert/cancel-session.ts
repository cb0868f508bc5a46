import { randomUUID } from 'node:crypto';
import { concertStream } from '../../events/streams.ts';
import { eachLimited } from '../../support/concurrency.ts';
import { pause } from '../../support/pause.ts';
import { CommandHandler } from '../core/command-handler.ts';
import type { EventStore } from '../core/event-store.ts';
import { noSession, type Result } from '../core/result.ts';
import type { OrganiserCommands } from '../sales/roles.ts';
import type { Catalog } from './catalog.ts';
import { concertDecider } from './decider.ts';

/** Seats that are processed at the same time. */
const concurrencyMax = 16;

/** The progress of a cancelled session: what has happened to its seats. */
export interface CancelProgress {
  readonly seats: number;
  readonly done: number;
  readonly givenBack: number;
  /** Seats whose reservation could not be given back now; `onError` was called for each. */
  readonly failed: number;
}

/**
 * Takes a session off sale for good. Then it gives back every seat that the log has as held or
 * sold, with its money. It is idempotent: a second run after a crash continues the first. If one
 * seat cannot be given back now, it continues with the others. A running service gives back the
 * rest by itself, from its read models.
 * @throws EventStoreUnavailable before the session is off sale
 */
export async function cancelSession(
  sessionId: string,
  {
    store,
    catalog,
    sales,
    onProgress,
    onError,
  }: {
    readonly store: EventStore;
    readonly catalog: Catalog;
    readonly sales: OrganiserCommands;
    readonly onProgress: (progress: CancelProgress) => void;
    readonly onError: (what: string, error: unknown) => void;
  },
): Promise<Result<CancelProgress>> {
  const session = catalog.session(sessionId);
  if (session === undefined) return noSession(sessionId);
  const cancelled = await new CommandHandler(store, concertDecider).execute(
    concertStream(session.concertId),
    { type: 'CancelSession', sessionId },
    { commandId: randomUUID() },
  );
  if (!cancelled.ok) return cancelled;
  await untilCancelled(catalog, sessionId);
  const progress = { seats: session.prices.size, done: 0, givenBack: 0, failed: 0 };
  const giveBack = async (seatId: string): Promise<void> => {
    const reservationId = await sales.reservationOf(sessionId, seatId);
    if (reservationId === undefined) return;
    const result = await sales.cancelForOrganiser(reservationId);
    if (result.ok) progress.givenBack += 1;
    // The reservation has ended in between.
    else if (result.refusal.code !== 'hold-expired') throw new Error(result.refusal.detail);
  };
  await eachLimited(session.prices.keys(), concurrencyMax, async (seatId) => {
    await giveBack(seatId).catch((error) => {
      progress.failed += 1;
      onError(`seat ${seatId}`, error);
    });
    progress.done += 1;
    onProgress({ ...progress });
  });
  return { ...cancelled, value: progress };
}

/**
 * Refunds have no cut-off once the catalog in memory knows of the cancellation. It learns it
 * shortly, by its subscription.
 */
async function untilCancelled(catalog: Catalog, sessionId: string): Promise<void> {
  const deadlineMs = performance.now() + 10_000;
  while (catalog.session(sessionId)?.cancelled !== true) {
    if (performance.now() > deadlineMs)
      throw new Error('the cancelled session did not come back from the log');
    await pause(10);
  }
}
