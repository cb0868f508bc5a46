import assert from 'node:assert/strict';
import { setImmediate as othersTurn } from 'node:timers/promises';
import { categoryOf, notHere } from '../../events/belongs.ts';
import { decodeAs, type RecordedEvent, UnreadableEvent } from '../../events/codec.ts';
import type { DomainEvent } from '../../events/events.ts';
import { type Announced, isMark, type Skips } from '../../events/skipped.ts';
import type { RevisionRange } from './decider.ts';
import type { EventStore } from './event-store.ts';

/** So many events are read in one go; then other work has its turn, however long the stream is. */
export const eventsPerTurn = 200;

/** So many single events, or ranges of events, of a stream are asked for at once. */
export const readsAtOnce = 4;

/**
 * @throws UnreadableEvent, also for an event that belongs to another kind of stream: `isWhole` and
 * `evolve` of a decider know those of their own alone
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
 * Asserts that an event comes right after another one of its stream: an event that is left out by
 * the store would be decided without, and no one would notice.
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
 * A stream that was deleted, truncated or given a limit is no new one.
 * @param first the first event that the stream has @param at what was read of it
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
 * May a state begin with it, and is what it says of earlier events true? Not when it is skipped
 * itself, nor when an event before it was skipped after it.
 * @param skips what the marks after it skip
 */
export const isSound = ({ revision: at }: RecordedEvent, skips: Skips): boolean =>
  ![...skips].some(({ revision }) => revision <= at);

/**
 * Does an event count, by all that was skipped of its stream?
 * @param isDerived it says nothing but what other events say: then no event before it may be
 * skipped
 */
export function countsBy(
  recorded: RecordedEvent,
  marked: readonly Announced[],
  isDerived: boolean,
): boolean {
  const { revision, id } = recorded;
  if (isMark(recorded)) return false;
  if (marked.some((one) => one.eventId === id && one.revision === revision)) return false;
  const isStale = ({ revision: skipped, markRevision }: Announced) =>
    skipped <= revision && revision < markRevision;
  return !isDerived || !marked.some(isStale);
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
  for await (const recorded of store.readStream(stream, BigInt(from), to - from + 1)) {
    if (recorded.revision > BigInt(to)) break;
    first ??= recorded;
    count += 1;
    if (counts(recorded)) events.push(readable<Event>(recorded));
    if (count % eventsPerTurn === 0) await othersTurn();
  }
  if (first?.revision === BigInt(from) && count === to - from + 1) return events;
  const at = first ?? missing(stream, BigInt(from));
  throw new UnreadableEvent(at, `events ${from} to ${to} of its stream are not all there`);
}

/** An event that should be there and is not, as an error can name it. */
export const missing = (stream: string, revision: bigint): RecordedEvent => ({
  ...{ id: '', stream, revision, position: 0n, type: 'missing', createdMs: 0 },
  ...{ data: undefined, metadata: undefined },
});
