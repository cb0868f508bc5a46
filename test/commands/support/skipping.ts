import { randomUUID } from 'node:crypto';
import type { EventStore, NewEvent } from '../../../src/commands/core/event-store.ts';
import { skipEvent } from '../../../src/commands/skipping/skip-event.ts';
import type { DomainEvent } from '../../../src/events/events.ts';
import { balanceCharged, seatReserved, seatSold } from '../../support/events.ts';
import type { MemoryEventStore } from '../../support/memory-event-store.ts';

export const seat = 'seat-s1/A-1-1';
export const account = 'account-u1';
export const context = { commandId: 'test' };
export const reason = 'no version can read it';

export const raw = (type: string, data: object, schemaVersion = 1): NewEvent => ({
  id: randomUUID(),
  event: { type, data } as NewEvent['event'],
  metadata: { schemaVersion },
});
const hold = { reservationId: 's1.A-1-1.1', userId: 'u1' };
const news = (event: DomainEvent, schemaVersion: number): NewEvent => ({
  id: randomUUID(),
  event,
  metadata: { schemaVersion },
});
export const reserved = news(seatReserved(hold, { expiresAt: '2099-01-01T00:00:00.000Z' }), 1);
export const sold = (schemaVersion: number): NewEvent => news(seatSold(hold), schemaVersion);
export const charged = (chargeId: string, balance: number, schemaVersion = 1): NewEvent =>
  news(balanceCharged(chargeId, 100, balance, { at: '2026-01-01T00:00:00.000Z' }), schemaVersion);
export const summary = (balance: number, schemaVersion = 2): NewEvent =>
  raw(
    'AccountSummarised',
    {
      ...{ currency: 'KRW', balance, held: 0, captured: 0, charges: [], payments: [] },
      latestAt: '2026-01-01T00:00:00.000Z',
    },
    schemaVersion,
  );

export const failure = (running: Promise<unknown>): Promise<string> =>
  running.then(
    () => 'it did not fail',
    (error: Error) => error.message,
  );

/** Skips the event that a stream of the log has at a revision. */
export const skipAt = (
  log: MemoryEventStore,
  stream: string,
  revision: bigint,
  store: Pick<EventStore, 'readStream' | 'append'> = log,
) => {
  const id = log.log.find((one) => one.stream === stream && one.revision === revision)?.id ?? '';
  return skipEvent(store, { stream, revision, id }, { reason, nowMs: 0 });
};
