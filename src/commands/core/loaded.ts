import assert from 'node:assert/strict';
import type { RecordedEvent } from '../../events/codec.ts';
import type { ExpectedRevision } from './event-store.ts';
import type { SinceSnapshot } from './snapshot.ts';

/** A stream's state at a revision. */
export interface Loaded<State> {
  readonly state: State;
  readonly revision: ExpectedRevision;
  /** Position of the stream's last event; null while it has none, and when the state is assumed. */
  readonly position: bigint | null;
  /** Which event that is, by which the stream is known again; null with the position. */
  readonly id: string | null;
  /** The store's when it was read, or appended to: after another one the stream is read on. */
  readonly epoch: number;
  readonly since: SinceSnapshot;
}

/** A stream as it may be. The append after this revision proves it, or fails. */
export interface Assumed<State> {
  /** The state from the stream's events up to `revision`, if the stream has no more events. */
  readonly state: State;
  readonly revision: bigint;
}

/**
 * Asserts that events are decided on the newest state that was seen of their stream.
 * @param seen undefined: nothing of it was seen
 * @throws AssertionError
 */
export function assertLastSeen(
  expected: ExpectedRevision,
  seen: Pick<Loaded<unknown>, 'revision'> | undefined,
): void {
  if (seen === undefined || expected === seen.revision) return;
  assert.fail(`decided at revision ${expected}, and ${seen.revision} was seen`);
}

/** The same state, after an event that changes nothing. */
export const passOver = <State>(
  loaded: Loaded<State>,
  { revision, position, id }: Pick<RecordedEvent, 'revision' | 'position' | 'id'>,
): Loaded<State> => ({ ...loaded, revision, position, id });
