import type { RecordedEvent } from '../../../src/events/codec.ts';
import { ArrayEventStore } from './array-event-store.ts';
import { randomInts } from './history.ts';

export const shape = { seed: 11, sessions: 3, seatsPerSession: 8, users: 5 };
export const last = (events: readonly RecordedEvent[]): bigint => events.at(-1)?.position ?? 0n;

/** As another version would have written it. */
export const unreadable = (event: RecordedEvent): RecordedEvent => ({
  ...event,
  metadata: { schemaVersion: 99 },
});

/**
 * The same events, each session's schedule first, and the rest in any order that keeps each
 * stream's own.
 */
export function reordered(events: readonly RecordedEvent[], seed: number): RecordedEvent[] {
  const random = randomInts(seed);
  const isSchedule = ({ type }: RecordedEvent) =>
    type === 'ConcertRegistered' || type === 'SessionScheduled';
  const order = events.filter(isSchedule);
  const streams = new Map<string, RecordedEvent[]>();
  for (const one of events.filter((event) => !isSchedule(event))) {
    streams.set(one.stream, [...(streams.get(one.stream) ?? []), one]);
  }
  const left = [...streams.values()];
  while (left.length > 0) {
    const at = random(left.length);
    const next = left[at]?.shift();
    if (next === undefined) left.splice(at, 1);
    else order.push(next);
  }
  return order.map((event, n) => {
    const { position = 0n, createdMs = 0 } = events[n] ?? {};
    return { ...event, position, createdMs };
  });
}

/** The events, some of them as another version would have written them. */
export const logOf = (events: readonly RecordedEvent[], poison: ReadonlySet<RecordedEvent>) =>
  events.map((event) => (poison.has(event) ? unreadable(event) : event));

/** A version that can read all of it takes over the log. */
export const upgraded = (events: readonly RecordedEvent[]) => {
  const log = new ArrayEventStore();
  log.append(...events);
  return log;
};
