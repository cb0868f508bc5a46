/**
 * EventStoreDB's rules of expected revisions and of retries. A retry is recognised by its event
 * ids. With an expected revision, these events must be exactly after this revision, at any age.
 * Without a revision, they must be among the recent events.
 */

import { randomUUID } from 'node:crypto';
import type { ProposedEvent } from '../codec/recorded-event.ts';
import { maxRevision } from '../codec/wire.ts';
import type { CommitGroup } from '../log/commit-group.ts';
import { describedBy, isSoftDeleted, withTruncateBefore } from './metadata.ts';

export type ExpectedRevision = number | 'any' | 'no_stream' | 'stream_exists';

export type AppendOutcome =
  /** `lastRevision` is −1 for an empty append to a stream that does not exist. */
  | { readonly kind: 'appended'; readonly lastRevision: number; readonly position?: number }
  /** `current` is −1 when there is no such stream. */
  | { readonly kind: 'wrong-expected-version'; readonly current: number }
  | { readonly kind: 'stream-deleted' };

/** The result of `checkRevision`. */
export type Verdict =
  | { readonly kind: 'write' }
  | { readonly kind: 'written-before'; readonly lastRevision: number; readonly position: number }
  | { readonly kind: 'wrong-expected-version'; readonly current: number }
  | { readonly kind: 'stream-deleted' };

/** Decides an append and adds its events to the group. */
export function decideAppend(
  group: CommitGroup,
  stream: string,
  expected: ExpectedRevision,
  events: readonly ProposedEvent[],
  nowMs: number,
): AppendOutcome {
  const verdict = checkRevision(group, stream, expected, events);
  if (verdict.kind === 'written-before')
    return { kind: 'appended', lastRevision: verdict.lastRevision, position: verdict.position };
  if (verdict.kind !== 'write') return verdict;
  const { last } = group.headOf(stream);
  const revives = describedBy(stream) ?? stream;
  const wasDeleted = isSoftDeleted(group.metadataOf(revives));
  let position: number | undefined;
  for (const event of events) position = group.add(stream, event, nowMs);
  if (wasDeleted)
    undelete(group, revives, revives === stream ? last : group.headOf(revives).last, nowMs);
  if (position === undefined) return { kind: 'appended', lastRevision: last };
  return { kind: 'appended', lastRevision: last + events.length, position };
}

/** The parts of an event that identify a retry. */
type Identified = Pick<ProposedEvent, 'id'>;

/** May a write with this expected revision and these events continue? */
export function checkRevision(
  group: CommitGroup,
  stream: string,
  expected: ExpectedRevision,
  events: readonly Identified[],
): Verdict {
  if (isTombstoned(group, stream)) return { kind: 'stream-deleted' };
  const { last } = group.headOf(stream);
  const wrong: Verdict = { kind: 'wrong-expected-version', current: last };
  if (expected === 'any' || expected === 'stream_exists') {
    if (expected === 'stream_exists') {
      const hasMetadata = group.headOf(`$$${stream}`).last >= 0;
      if (last < 0 && !hasMetadata) return wrong;
      if (isSoftDeleted(group.metadataOf(stream))) return { kind: 'stream-deleted' };
    }
    return lately(group, stream, events) ?? { kind: 'write' };
  }
  const after = expected === 'no_stream' ? -1 : expected;
  if (after > last) return wrong;
  if (after === last) return { kind: 'write' };
  const found = writtenAfter(group, stream, after, events);
  if (found !== 'new') return found === 'partly' ? wrong : found;
  // `no_stream` holds for a soft-deleted stream, too.
  return after === -1 && isSoftDeleted(group.metadataOf(stream)) ? { kind: 'write' } : wrong;
}

/** If exactly these events follow that revision, the result is the first answer. */
function writtenAfter(
  group: CommitGroup,
  stream: string,
  after: number,
  events: readonly Identified[],
): Verdict | 'new' | 'partly' {
  let position = -1;
  for (const [i, event] of events.entries()) {
    const there = group.eventAt(stream, after + 1 + i);
    if (there === undefined || there.id !== event.id) return i === 0 ? 'new' : 'partly';
    position = there.position;
  }
  if (position < 0) return 'partly';
  return { kind: 'written-before', lastRevision: after + events.length, position };
}

/**
 * The same check without a revision: all events must be among the recent ones of this stream, in
 * any order. The last of them is the answer.
 */
function lately(
  group: CommitGroup,
  stream: string,
  events: readonly Identified[],
): Verdict | undefined {
  let found: { revision: number; position: number } | undefined;
  for (const [i, event] of events.entries()) {
    const recent = group.recentEvent(event.id);
    if (recent?.stream !== stream) {
      if (i === 0) return undefined;
      return { kind: 'wrong-expected-version', current: group.headOf(stream).last };
    }
    found = recent;
  }
  return (
    found && { kind: 'written-before', lastRevision: found.revision, position: found.position }
  );
}

/** A tombstone closes the stream and its metastream. */
export function isTombstoned(group: Pick<CommitGroup, 'headOf'>, stream: string): boolean {
  if (group.headOf(stream).last === maxRevision) return true;
  const described = describedBy(stream);
  return described !== undefined && group.headOf(described).last === maxRevision;
}

/**
 * A write to a soft-deleted stream, or to its metadata, makes the stream visible again, without its
 * earlier events. EventStoreDB then writes the metadata again, with a `$tb` above those events.
 */
function undelete(group: CommitGroup, stream: string, lastHidden: number, nowMs: number): void {
  const metastream = `$$${stream}`;
  const { last } = group.headOf(metastream);
  const metadata = last < 0 ? undefined : group.eventAt(metastream, last)?.data;
  group.add(metastream, metadataEvent(withTruncateBefore(metadata, lastHidden + 1)), nowMs);
}

/** An event that sets a stream's metadata. */
export function metadataEvent(data: Buffer): ProposedEvent {
  return {
    id: randomUUID(),
    type: '$metadata',
    contentType: 'application/json',
    data,
    metadata: Buffer.alloc(0),
  };
}
