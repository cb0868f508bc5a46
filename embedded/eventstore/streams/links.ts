import { type RecordedView, viewStoredEvent } from '../codec/recorded-event.ts';
import { resolvedLink } from '../codec/responses.ts';
import { MAX_REVISION } from '../codec/wire.ts';
import type { EventLog, StoredAt } from '../log/log.ts';
import { firstVisibleRevision } from './metadata.ts';

const LINK_TYPE = '$>';
const TARGET = /^(\d+)@(.+)$/s;

/** The message for an event when links are wanted resolved: a link comes with what it points at. */
export function resolveLink(log: EventLog, stored: StoredAt): Buffer {
  const view = viewStoredEvent(stored.message);
  if (view.type !== LINK_TYPE) return stored.message;
  return resolvedLink(target(log, view), view.recorded, stored.position);
}

/** The event that a link names; undefined when it is not there (any more). */
function target(log: EventLog, link: RecordedView): Buffer | undefined {
  const [, digits, stream] = TARGET.exec(link.data.toString('utf8')) ?? [];
  if (digits === undefined || stream === undefined) return undefined;
  const revision = Number(digits);
  const head = log.headOf(stream);
  if (head.last === MAX_REVISION || revision > head.last) return undefined;
  if (revision < firstVisibleRevision(head.last, log.metadataOf(stream))) return undefined;
  const stored = log.eventAt(head, revision);
  return stored && viewStoredEvent(stored.message).recorded;
}
