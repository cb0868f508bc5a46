import { randomUUID } from 'node:crypto';
import { performance } from 'node:perf_hooks';
import {
  type AppendResult,
  type EventData,
  type EventStoreDBClient,
  jsonEvent,
} from '@eventstore/db-client';

/**
 * The events that every benchmark of the event store appends: JSON of about 200 bytes, and a little
 * metadata.
 */
export const eventType = 'SeatReserved';

export const eventMetadata = { schemaVersion: 1, actor: 'bench' };

export function eventData(number: number): Record<string, unknown> {
  return {
    reservationId: `session-17.A-${number}.1`,
    userId: `user-${number % 1_000}`,
    price: 132_000,
    currency: 'KRW',
    expiresAt: '2026-05-01T19:30:00.000Z',
    note: 'x'.repeat(60),
  };
}

export function newEvents(count: number, from = 0): EventData[] {
  return Array.from({ length: count }, (_, index) =>
    jsonEvent({
      id: randomUUID(),
      type: eventType,
      data: eventData(from + index),
      metadata: eventMetadata,
    }),
  );
}

/**
 * Appends single events for the given time, `inFlight` at a time. Each writer has its own stream
 * and uses the expected revision. @returns the acknowledged appends per second
 */
export async function appendRate(
  client: EventStoreDBClient,
  { durationMs, inFlight }: { durationMs: number; inFlight: number },
): Promise<number> {
  const run = randomUUID();
  const begin = performance.now();
  let appends = 0;
  const writer = async (number: number) => {
    let expectedRevision: bigint | 'no_stream' = 'no_stream';
    while (performance.now() - begin < durationMs) {
      const [event] = newEvents(1, appends) as [EventData];
      const answer: AppendResult = await client.appendToStream(`bench-${run}-${number}`, event, {
        expectedRevision,
      });
      expectedRevision = answer.nextExpectedRevision;
      appends++;
    }
  };
  await Promise.all(Array.from({ length: inFlight }, (_, number) => writer(number)));
  return (appends / (performance.now() - begin)) * 1_000;
}

/**
 * Appends `total` events as fast as possible, `perAppend` events per append. Each writer has its
 * own stream.
 */
export async function appendMany(
  client: EventStoreDBClient,
  total: number,
  { perAppend, inFlight }: { perAppend: number; inFlight: number },
): Promise<void> {
  const run = randomUUID();
  let left = total;
  const writer = async (number: number) => {
    while (left > 0) {
      const count = Math.min(perAppend, left);
      left -= count;
      await client.appendToStream(`bench-${run}-${number}`, newEvents(count, left), {
        expectedRevision: 'any',
      });
    }
  };
  await Promise.all(Array.from({ length: inFlight }, (_, number) => writer(number)));
}

/** Reads `count` events of `$all` from its start and drops them. @returns the events per second */
export async function readRate(client: EventStoreDBClient, count: number): Promise<number> {
  const begin = performance.now();
  let read = 0;
  for await (const { event } of client.readAll({ maxCount: count }, { highWaterMark: 1_024 })) {
    if (event !== undefined) read++;
  }
  if (read !== count) throw new Error(`asked for ${count} events, got ${read}`);
  return (read / (performance.now() - begin)) * 1_000;
}

/**
 * Appends at a steady rate, even when earlier appends are not yet answered, while a subscription to
 * `$all` is open.
 * @returns milliseconds: from the call of each append to the arrival of its event, and the delay of
 * each call itself, which this process and the machine cause
 */
export async function subscriberLatencies(
  client: EventStoreDBClient,
  { appendsPerSecond, durationMs }: { appendsPerSecond: number; durationMs: number },
): Promise<{ arrivals: number[]; lateness: number[] }> {
  const sentAt = new Map<string, number>();
  const arrivals: number[] = [];
  const lateness: number[] = [];
  const total = Math.floor((appendsPerSecond * durationMs) / 1_000);
  const subscription = client.subscribeToAll({ fromPosition: 'end' });
  const appends: Promise<unknown>[] = [];
  try {
    await new Promise((resolve) => subscription.once('caughtUp', () => resolve(undefined)));
    const arrived = new Promise<void>((resolve, reject) => {
      subscription.on('error', reject);
      subscription.on('data', ({ event }) => {
        const at = sentAt.get(event?.id ?? '');
        if (at === undefined) return;
        arrivals.push(performance.now() - at);
        if (arrivals.length === total) resolve();
      });
    });
    const begin = performance.now();
    while (sentAt.size < total) {
      const due = Math.min(total, ((performance.now() - begin) * appendsPerSecond) / 1_000);
      while (sentAt.size < due) {
        const [event] = newEvents(1, sentAt.size) as [EventData];
        const now = performance.now();
        lateness.push(now - begin - (sentAt.size * 1_000) / appendsPerSecond);
        sentAt.set(event.id, now);
        const stream = `bench-latency-${sentAt.size % 500}`;
        appends.push(client.appendToStream(stream, event, { expectedRevision: 'any' }));
      }
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    await Promise.all(appends);
    await arrived;
  } finally {
    await subscription.unsubscribe();
  }
  return { arrivals, lateness };
}
