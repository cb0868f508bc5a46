import assert from 'node:assert/strict';
import { setImmediate as othersTurn } from 'node:timers/promises';
import { categoryOf, notHere } from '../../events/belongs.ts';
import { decodeAs, type RecordedEvent, UnreadableEvent } from '../../events/codec.ts';
import type { DomainEvent } from '../../events/events.ts';
import { type Announced, isMark, type Skips } from '../../events/skipped.ts';
import type { RevisionRange } from './decider.ts';
import type { EventStore } from './event-store.ts';

/**
 * After so many events, a read lets other work run. So a long stream does not block the process.
 */
export const eventsPerTurn = 200;

/** The number of parallel reads of ranges of events of a stream. */
export const readsAtOnce = 4;

/**
 * @throws UnreadableEvent, also for an event of another kind of stream, because `isWhole` and
 * `evolve` of a decider know only their own events
 */
export function readable<Event extends DomainEvent>(
  recorded: RecordedEvent,
): RecordedEvent & Event {
  const event = decodeAs<Event>(recorded);
  const category = categoryOf[event.type];
  if (category !== null && !recorded.stream.startsWith(category)) {
    throw new UnreadableEvent(recorded, notHere);
  }
  return event;
}

/**
 * Asserts that an event comes right after another one of its stream. If the store left out an
 * event, the service would decide without it, and nobody would notice.
 * @param before undefined: the event is the first that was read
 * @throws AssertionError
 */
export function assertNext(
  before: Pick<RecordedEvent, 'revision'> | undefined,
  { stream, revision }: Pick<RecordedEvent, 'stream' | 'revision'>,
): void {
  if (before === undefined || revision === before.revision + 1n) return;
  assert.fail(`revision ${revision} of ${stream} follows revision ${before.revision}`);
}

/**
 * Asserts that a stream has its beginning. A stream that was deleted, truncated or limited is not a
 * new stream.
 * @param first the first event that the stream has. `at` is the event that the error names
 * @throws UnreadableEvent
 */
export function assertBeginning(first: RecordedEvent | undefined, at: RecordedEvent): void {
  if (first?.revision === 0n) return;
  throw new UnreadableEvent(
    at,
    'its stream does not begin at its beginning: events before it are gone',
  );
}

/**
 * May a state begin with this event? It may not if the event itself is skipped. It may not if a
 * later mark skips an earlier event, because then the event says something wrong about earlier
 * events.
 * @param skips the events that the marks after it skip
 */
export const isSound = ({ revision: at }: RecordedEvent, skips: Skips): boolean =>
  ![...skips].some(({ revision }) => revision <= at);

/**
 * Does an event count, if these events of its stream are skipped?
 * @param isDerived the event contains only facts of other events. Then no event before it may be
 * skipped
 */
export function countsBy(
  recorded: RecordedEvent,
  marked: readonly Announced[],
  isDerived: boolean,
): boolean {
  if (isMark(recorded)) return false;
  const { revision, id } = recorded;
  for (const { eventId, revision: skipped, markRevision } of marked) {
    if (eventId === id && skipped === revision) return false;
    if (isDerived && skipped <= revision && revision < markRevision) return false;
  }
  return true;
}

/**
 * The events of a range that count.
 * @throws UnreadableEvent when some are gone
 */
export async function readRange<Event extends DomainEvent>(
  store: Pick<EventStore, 'readStream'>,
  stream: string,
  { from, to }: RevisionRange,
  counts: (recorded: RecordedEvent) => boolean,
): Promise<(RecordedEvent & Event)[]> {
  const events: (RecordedEvent & Event)[] = [];
  let first: RecordedEvent | undefined;
  let count = 0;
  const last = BigInt(to);
  for await (const recorded of store.readStream(stream, BigInt(from), to - from + 1)) {
    if (recorded.revision > last) break;
    first ??= recorded;
    count += 1;
    if (counts(recorded)) events.push(readable<Event>(recorded));
    if (count % eventsPerTurn === 0) await othersTurn();
  }
  if (first?.revision === BigInt(from) && count === to - from + 1) return events;
  const at = first ?? missing(stream, BigInt(from));
  throw new UnreadableEvent(at, `events ${from} to ${to} of its stream are not all there`);
}

/** A missing event, in a form that an error can name. */
export const missing = (stream: string, revision: bigint): RecordedEvent => ({
  ...{ id: '', stream, revision, position: 0n, type: 'missing', createdMs: 0 },
  ...{ data: undefined, metadata: undefined },
});
