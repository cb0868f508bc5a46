import { randomUUID } from 'node:crypto';
import { maxRevision } from '../codec/wire.ts';
import type { CommitGroup } from '../log/commit-group.ts';
import { checkRevision, type ExpectedRevision, metadataEvent } from './append.ts';
import { withTruncateBefore } from './metadata.ts';

export type DeleteOutcome =
  | { readonly kind: 'deleted'; readonly position: number }
  /** `current` is −1 when there is no such stream. */
  | { readonly kind: 'wrong-expected-version'; readonly current: number }
  | { readonly kind: 'stream-deleted' };

/** Soft delete: hides the events of the stream. Later writes are possible. */
export function decideDelete(
  group: CommitGroup,
  stream: string,
  expected: ExpectedRevision,
  nowMs: number,
): DeleteOutcome {
  const verdict = checkRevision(group, stream, expected, [{ id: randomUUID() }]);
  if (verdict.kind === 'written-before') throw new Error('a delete has no events to be known by');
  if (verdict.kind !== 'write') return verdict;
  const { last } = group.headOf(stream);
  // Unlike a tombstone, a soft delete needs an existing stream, with any expected revision.
  const metastream = `$$${stream}`;
  if (last < 0 && group.headOf(metastream).last < 0)
    return { kind: 'wrong-expected-version', current: last };
  // The other metadata is removed, as in EventStoreDB.
  const event = metadataEvent(withTruncateBefore(undefined, maxRevision));
  return { kind: 'deleted', position: group.add(metastream, event, nowMs) };
}

/** Closes the stream for ever, with a last event. */
export function decideTombstone(
  group: CommitGroup,
  stream: string,
  expected: ExpectedRevision,
  nowMs: number,
): DeleteOutcome {
  const verdict = checkRevision(group, stream, expected, [{ id: randomUUID() }]);
  if (verdict.kind === 'written-before')
    throw new Error('a tombstone has no events to be known by');
  if (verdict.kind !== 'write') return verdict;
  const tombstone = {
    id: randomUUID(),
    type: '$streamDeleted',
    contentType: 'application/octet-stream',
    data: Buffer.alloc(0),
    metadata: Buffer.alloc(0),
  };
  return { kind: 'deleted', position: group.add(stream, tombstone, nowMs, maxRevision) };
}
