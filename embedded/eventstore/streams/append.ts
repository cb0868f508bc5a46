/**
 * What an append may do: EventStoreDB's rules of expected revisions and of retries. A retry is
 * recognised by its event ids, either exactly where the expected revision says they must be (however
 * long ago that was), or, without a revision, among the events written lately.
 */

import { randomUUID } from 'node:crypto';
import type { ProposedEvent } from '../codec/recorded-event.ts';
import { MAX_REVISION } from '../codec/wire.ts';
import type { CommitGroup } from '../log/commit-group.ts';
import { describedBy, isSoftDeleted, withTruncateBefore } from './metadata.ts';

export type ExpectedRevision = number | 'any' | 'no_stream' | 'stream_exists';

export type AppendOutcome =
  /** `lastRevision` is −1 for an empty append to a stream that does not exist. */
  | { readonly kind: 'appended'; readonly lastRevision: number; readonly position?: number }
  /** `current` is −1 when there is no such stream. */
  | { readonly kind: 'wrong-expected-version'; readonly current: number }
  | { readonly kind: 'stream-deleted' };

/** What `checkRevision` found. */
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
  if (events.length === 0) return { kind: 'appended', lastRevision: last };
  const revives = describedBy(stream) ?? stream;
  const wasDeleted = isSoftDeleted(group.metadataOf(revives));
  let position = 0;
  for (const event of events) position = group.add(stream, event, nowMs);
  if (wasDeleted)
    undelete(group, revives, revives === stream ? last : group.headOf(revives).last, nowMs);
  return { kind: 'appended', lastRevision: last + events.length, position };
}

/** Whether a write with this expectation and these events may go on. */
export function checkRevision(
  group: CommitGroup,
  stream: string,
  expected: ExpectedRevision,
  events: readonly ProposedEvent[],
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
  return writtenAfter(group, stream, after, events) ?? softlyDeletedOr(wrong, group, stream, after);
}

/** `no_stream` holds for a soft-deleted stream, too. */
function softlyDeletedOr(
  wrong: Verdict,
  group: CommitGroup,
  stream: string,
  after: number,
): Verdict {
  return after === -1 && isSoftDeleted(group.metadataOf(stream)) ? { kind: 'write' } : wrong;
}

/** The answer of the first time, when exactly these events follow that revision. */
function writtenAfter(
  group: CommitGroup,
  stream: string,
  after: number,
  events: readonly ProposedEvent[],
): Verdict | undefined {
  let position = -1;
  for (const [i, event] of events.entries()) {
    const there = group.eventAt(stream, after + 1 + i);
    if (there === undefined || there.id !== event.id) return undefined;
    position = there.position;
  }
  if (position < 0) return undefined;
  return { kind: 'written-before', lastRevision: after + events.length, position };
}

/** The same without a revision to look at: the events must all have been written to this stream lately. */
function lately(
  group: CommitGroup,
  stream: string,
  events: readonly ProposedEvent[],
): Verdict | undefined {
  let found: { revision: number; position: number } | undefined;
  for (const [i, event] of events.entries()) {
    const recent = group.recentEvent(event.id);
    const known = recent !== undefined && recent.stream === stream;
    if (!known && i === 0) return undefined;
    if (!known || (found && recent.revision !== found.revision + 1))
      return { kind: 'wrong-expected-version', current: group.headOf(stream).last };
    found = recent;
  }
  return (
    found && { kind: 'written-before', lastRevision: found.revision, position: found.position }
  );
}

/** A tombstone closes the stream and its metastream. */
export function isTombstoned(group: Pick<CommitGroup, 'headOf'>, stream: string): boolean {
  if (group.headOf(stream).last === MAX_REVISION) return true;
  const described = describedBy(stream);
  return described !== undefined && group.headOf(described).last === MAX_REVISION;
}

/**
 * Writing to a soft-deleted stream, or setting its metadata, brings it back without its events from
 * before: EventStoreDB writes the metadata once more, with a `$tb` above them.
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
