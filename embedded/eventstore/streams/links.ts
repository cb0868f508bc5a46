import { type RecordedView, viewStoredEvent } from '../codec/recorded-event.ts';
import { resolvedLink } from '../codec/responses.ts';
import { maxRevision } from '../codec/wire.ts';
import type { EventLog, StoredAt } from '../log/log.ts';
import { firstVisibleRevision, isExpired, isSoftDeleted } from './metadata.ts';
import { metadataFor } from './read.ts';

const linkType = '$>';
/** A number, and sometimes the stream after it. */
const targetForm = /^\s*([+-]?\d+)\s*(?:@(.*))?$/s;

/**
 * The message for an event in a read that resolves links. A link comes together with its event.
 * Some events have only the type of a link. From history, they come unchanged. Live, they come as
 * broken links.
 */
export function resolveLink(log: EventLog, stored: StoredAt, from: 'history' | 'live'): Buffer {
  const view = viewStoredEvent(stored.message);
  if (view.type !== linkType) return stored.message;
  const parts = targetForm.exec(view.data.toString('utf8'));
  if (parts === null && from === 'history') return stored.message;
  const [, digits = '', stream = ''] = parts ?? [];
  return resolvedLink(target(log, Number(digits), stream), view.recorded, stored.position);
}

/** The event that a link names (−1: the last one); undefined if it does not exist or is hidden. */
function target(
  log: EventLog,
  named: number,
  stream: string,
): RecordedView['recorded'] | undefined {
  const head = log.headOf(stream);
  if (stream === '' || head.last < 0 || head.last === maxRevision) return undefined;
  const metadata = metadataFor(log, stream);
  const revision = named === -1 ? head.last : named;
  if (isSoftDeleted(metadata) || revision > head.last) return undefined;
  if (revision < firstVisibleRevision(head.last, metadata)) return undefined;
  const stored = log.eventAt(head, revision);
  const view = stored && viewStoredEvent(stored.message);
  return view && !isExpired(view.createdMs, metadata, Date.now()) ? view.recorded : undefined;
}
