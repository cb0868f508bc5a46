import { randomUUID } from 'node:crypto';
import { CommandHandler } from '../../src/commands/core/command-handler.ts';
import type { EventStore } from '../../src/commands/core/event-store.ts';
import { steeringDecider } from '../../src/commands/steering/decider.ts';
import { steeringStream } from '../../src/events/streams.ts';
import { connectEventStore } from '../../src/infrastructure/eventstoredb.ts';
import { QueueJournal } from '../../src/processes/queue-journal.ts';

/**
 * Brings the waiting line of the shop to the state of a new log: nobody steers it, and nobody has a
 * place. A log has one such line, and a service continues the line of the log when it starts. So a
 * test on a shared log would wait for the places of the tests before it, up to five minutes.
 * @throws Error when the log does not take the moves
 */
export async function emptyShopLine(url: string): Promise<void> {
  const store = connectEventStore(url);
  try {
    await unsteer(store);
    await endPlaces(store);
  } finally {
    await store.close();
  }
}

async function unsteer(store: EventStore): Promise<void> {
  const change = { admittedMax: null, perMinute: null, paused: false, draining: false, lot: null };
  const who = { by: 'tests', reason: 'a test begins', at: new Date().toISOString() };
  const result = await new CommandHandler(store, steeringDecider).execute(
    steeringStream,
    { type: 'SteerQueue', room: '', change, clear: false, ...who },
    { commandId: randomUUID() },
  );
  if (!result.ok) throw new Error(result.refusal.detail);
}

async function endPlaces(store: EventStore): Promise<void> {
  let lost: unknown;
  const journal = new QueueJournal(store, Date.now, (_moves, error) => {
    lost = error;
  });
  const places = await journal.read();
  if (places.length === 0) return;
  const atMs = Date.now();
  for (const { userId, number, admittedAt } of places) {
    // Not `ended`: a killed service did not write the real end of a place.
    if (admittedAt !== undefined) journal.note(['left', userId, number, atMs]);
  }
  journal.note(['cleared', '', 0, atMs]);
  await journal.flush();
  if (lost !== undefined) throw lost;
}
