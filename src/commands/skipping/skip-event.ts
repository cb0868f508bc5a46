import { randomUUID } from 'node:crypto';
import { whyUnreadable } from '../../events/belongs.ts';
import type { RecordedEvent } from '../../events/codec.ts';
import type { DomainEvent } from '../../events/events.ts';
import { readAnnounced, skipIn, skipsMax } from '../../events/skipped.ts';
import { sessionsStream, skippedStream, streamPrefixes } from '../../events/streams.ts';
import { versionOf } from '../../events/upcasters.ts';
import { whyNotWritable } from '../../events/writable.ts';
import type { EventStore, NewEvent } from '../core/event-store.ts';

/** Tries while others append to the stream, or announce skips of their own. */
const attemptsMax = 20;

type Log = Pick<EventStore, 'readStream' | 'append'>;

/** The event that an operator names. */
export interface Named {
  readonly stream: string;
  readonly revision: bigint;
  /** Undefined: any event at this place. */
  readonly id?: string | undefined;
}

/** An event that can be skipped, or that was skipped. */
export interface Skippable {
  readonly event: RecordedEvent;
  readonly why: string;
  /** Events that come after it in its stream. */
  readonly later: number;
  /** Of its stream. */
  readonly lastRevision: bigint;
  readonly isSkipped: boolean;
}

/** The event cannot be skipped. The message gives the reason for the operator. */
export class SkipRefused extends Error {
  constructor(why: string) {
    super(why);
    this.name = 'SkipRefused';
  }
}

/**
 * Reads an event before it is skipped. Writes nothing.
 * @throws SkipRefused if it is missing, has another id, or is readable. Also the errors of the
 * log's port
 */
export async function lookAt(log: Pick<Log, 'readStream'>, named: Named): Promise<Skippable> {
  const { stream, revision, id } = named;
  const name = `${revision}@${stream}`;
  if (!isOurs(stream)) {
    throw new SkipRefused(
      `${stream} is no stream that the service decides by: nothing waits for it`,
    );
  }
  let event: RecordedEvent | undefined;
  let last: RecordedEvent | undefined;
  let isSkipped = false;
  for await (const recorded of log.readStream(stream, revision)) {
    event ??= recorded;
    last = recorded;
    if (recorded !== event && isSkipOf(event, recorded)) isSkipped = true;
  }
  if (event?.revision !== revision || last === undefined) {
    throw new SkipRefused(`the log has no event ${name}: it never had it, or its stream hides it`);
  }
  if (id !== undefined && event.id !== id) {
    throw new SkipRefused(
      `event ${name} has the id ${event.id}, not ${id}: is this the right log?`,
    );
  }
  const why = whyUnreadable(event);
  if (why === undefined && !isSkipped) {
    throw new SkipRefused(
      `event ${name} (${event.type}) can be read: commands decide by it, so it cannot be skipped`,
    );
  }
  const later = Number(last.revision - revision);
  return { event, why: why ?? 'it is skipped', later, lastRevision: last.revision, isSkipped };
}

const isOurs = (stream: string): boolean =>
  stream === sessionsStream ||
  [...streamPrefixes, 'request-'].some((prefix) => stream.startsWith(prefix));

/** A mark that cannot be read skips nothing. */
function isSkipOf({ id, revision }: RecordedEvent, later: RecordedEvent): boolean {
  if (whyUnreadable(later) !== undefined) return false;
  const skip = skipIn(later);
  return skip?.eventId === id && skip.revision === revision;
}

/**
 * Skips an event. From then on, every command, read model and proof ignores it. First it announces
 * the skip to the readers of the whole log. Then it appends the mark to the event's own stream, and
 * this mark skips the event. The append succeeds only if the stream has not changed since it was
 * read. So no instance can decide with an older state. If the process dies between the two appends,
 * the event is not skipped, and the next try continues. Idempotent.
 * @param reason the operator's reason
 * @returns false if the event was already skipped
 * @throws SkipRefused. Also the errors of the log's port; then it is unknown whether the event is
 * skipped
 */
export async function skipEvent(
  log: Log,
  named: Named & { readonly id: string },
  { reason, nowMs }: { readonly reason: string; readonly nowMs: number },
): Promise<boolean> {
  for (let attempt = 1; attempt <= attemptsMax; attempt += 1) {
    const { event, why, lastRevision, isSkipped } = await lookAt(log, named);
    if (isSkipped) return false;
    const markRevision = lastRevision + 1n;
    const markId = await announce(log, event, markRevision);
    if (markId === undefined) continue;
    const at = new Date(nowMs).toISOString();
    const { id: eventId, type } = event;
    const data = { revision: Number(event.revision), eventId, type, why, reason, at };
    const mark = newEvent(markId, { type: 'EventSkipped', data });
    if ((await log.append(event.stream, lastRevision, [mark])).ok) return true;
  }
  throw new SkipRefused('others kept writing to the stream: run it again');
}

/** @returns the id of the future mark; undefined if another skip was announced meanwhile */
async function announce(
  log: Log,
  { stream, revision, id: eventId, position }: RecordedEvent,
  markRevision: bigint,
): Promise<string | undefined> {
  const { announced, revision: last } = await readAnnounced(log);
  // A killed process left this announcement, or another process is working now. Both append the
  // same mark.
  const same = announced.find(
    (one) => one.eventId === eventId && one.markRevision === markRevision,
  );
  if (same !== undefined) return same.markId;
  if (last !== undefined && last + 1n >= BigInt(skipsMax)) {
    throw new SkipRefused(`${skipsMax} events were skipped in this log, as many as may be`);
  }
  const markId = randomUUID();
  const data = {
    stream,
    revision: Number(revision),
    eventId,
    position: String(position),
    markRevision: Number(markRevision),
    markId,
  };
  const event = newEvent(randomUUID(), { type: 'SkipAnnounced', data });
  const appended = await log.append(skippedStream, last ?? 'no_stream', [event]);
  return appended.ok ? markId : undefined;
}

function newEvent(id: string, event: DomainEvent): NewEvent {
  const why = whyNotWritable(event);
  if (why !== undefined) throw new SkipRefused(why);
  const schemaVersion = versionOf(event.type);
  return { id, event, metadata: { schemaVersion, command: 'SkipEvent', actor: 'operator' } };
}
