/** Reads streams page by page, without truncated events. */
import { viewStoredEvent } from '../codec/recorded-event.ts';
import { type EventLog, noStream, type StoredAt, type StreamHead } from '../log/log.ts';
import { isTombstoned } from './append.ts';
import {
  describedBy,
  firstVisibleRevision,
  isExpired,
  isSoftDeleted,
  type StreamMetadata,
} from './metadata.ts';

export type StreamState =
  | { readonly kind: 'exists'; readonly head: StreamHead; readonly metadata: StreamMetadata }
  /** Never written, or soft-deleted. */
  | { readonly kind: 'not-found' }
  | { readonly kind: 'deleted' };

/** A metastream keeps its last event only. */
const metastreamForm: StreamMetadata = { maxCount: 1 };

export function stateOf(log: EventLog, stream: string): StreamState {
  if (isTombstoned(log, stream)) return { kind: 'deleted' };
  const head = log.headOf(stream);
  if (head === noStream || head.last < 0) return { kind: 'not-found' };
  const metadata = metadataFor(log, stream);
  return isSoftDeleted(metadata) ? { kind: 'not-found' } : { kind: 'exists', head, metadata };
}

export function metadataFor(log: EventLog, stream: string): StreamMetadata {
  return describedBy(stream) === undefined ? log.metadataOf(stream) : metastreamForm;
}

/** A page of a read, and where the next one starts (undefined: there is none). */
export interface StreamPage {
  readonly events: StoredAt[];
  readonly next?: number;
}

/** Visible events from a revision on, inclusive, in either direction. */
export function pageOfStream(
  log: EventLog,
  state: { head: StreamHead; metadata: StreamMetadata },
  from: number,
  backwards: boolean,
  limit: number,
): StreamPage {
  const { head, metadata } = state;
  const first = firstVisibleRevision(head.last, metadata);
  const start = backwards ? Math.min(from, head.last) : Math.max(from, first);
  if (start > head.last || start < first) return { events: [] };
  const page = log.pageOfStream(head, start, backwards ? first : head.last, backwards, limit);
  if (page.length === 0) return { events: [] };
  const lastRevision = start + (backwards ? 1 - page.length : page.length - 1);
  const next = backwards ? lastRevision - 1 : lastRevision + 1;
  const isOver = backwards ? next < first : next > head.last;
  const nowMs = Date.now();
  const events =
    metadata.maxAgeSeconds === undefined
      ? page
      : page.filter(
          ({ message }) => !isExpired(viewStoredEvent(message).createdMs, metadata, nowMs),
        );
  return isOver ? { events } : { events, next };
}
