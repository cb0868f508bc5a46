/** Read: a stream or `$all`, either way, or a subscription to one of them. */
import { decodeRead, type ReadOptions } from '../codec/read-request.ts';
import { viewStoredEvent } from '../codec/recorded-event.ts';
import { firstStreamPosition, lastStreamPosition, streamNotFound } from '../codec/responses.ts';
import { withStructuredIds } from '../codec/structured-ids.ts';
import type { EventLog, StoredAt } from '../log/log.ts';
import { firstFrom } from '../log/position.ts';
import { resolveLink } from '../streams/links.ts';
import { firstVisibleRevision } from '../streams/metadata.ts';
import { pageOfStream, type StreamState, stateOf } from '../streams/read.ts';
import { eventFilter, matchesStored } from '../subscriptions/filter.ts';
import { Subscription } from '../subscriptions/subscription.ts';
import { endStreamDeleted } from './errors.ts';
import { type GrpcCall, Status } from './grpc-call.ts';
import type { Service } from './service.ts';

/** Events that a real server reads at a time; the positions that it reports depend on it. */
const realPageEvents = 32;

export function read(service: Service, call: GrpcCall): void {
  call.once((message) => {
    const options = decodeRead(message);
    if (options.isSubscription) {
      new Subscription(call, service.log, options, service.checkpoints).start(service.hub);
      return;
    }
    // With this request, a real server reads empty pages until the client ends the call.
    if (options.stream === undefined && options.count === 0) return;
    const pages = options.stream === undefined ? pagesOfAll : pagesOfStream;
    sendPages(service.log, call, options, pages(service.log, call, options)).catch((error: Error) =>
      call.end(Status.internal, error.message),
    );
  });
}

type Pages = Generator<StoredAt[], void, undefined>;

/** Sends each page when the client has received the page before. A short answer is one write. */
async function sendPages(
  log: EventLog,
  call: GrpcCall,
  options: ReadOptions,
  pages: Pages,
): Promise<void> {
  const { resolveLinks, structuredIds } = options;
  let page = pages.next();
  while (!page.done) {
    for (const stored of page.value) {
      const message = resolveLinks ? resolveLink(log, stored, 'history') : stored.message;
      call.send(structuredIds ? withStructuredIds(message) : message);
    }
    page = pages.next();
    if (page.done) break;
    call.flush();
    // Other calls run between two pages.
    await new Promise(setImmediate);
    await call.drained();
    if (!call.isOpen) return;
  }
  call.end(Status.ok);
}

function* pagesOfStream(log: EventLog, call: GrpcCall, options: ReadOptions): Pages {
  const { stream = '', revision, backwards, count, tellsPositions } = options;
  if (count === 0 || (revision === 'end' && !backwards))
    return call.end(Status.unknown, 'Unexpected ReadStreamResult: Error');
  const state = stateOf(log, stream);
  if (state.kind === 'deleted') return endStreamDeleted(call, stream);
  if (state.kind === 'not-found') {
    call.send(streamNotFound(stream));
    return;
  }
  const start = firstOf(revision);
  let next: number | undefined = start;
  let left = count;
  while (next !== undefined && left > 0) {
    const page = pageOfStream(log, state, next, backwards, left);
    if (
      tellsPositions &&
      !backwards &&
      left === count &&
      (page.events.length > 0 || page.next === undefined)
    )
      sendFirstPositions(call, state, start, count, page.events[0]);
    yield page.events;
    left -= page.events.length;
    next = page.next;
  }
  if (tellsPositions) call.send(lastStreamPosition(state.head.last));
}

/**
 * The beginning of the stream. A real server sends it for each empty page before the first event,
 * unless the page began there.
 */
function sendFirstPositions(
  call: GrpcCall,
  { head, metadata }: StreamState & { kind: 'exists' },
  start: number,
  count: number,
  event: StoredAt | undefined,
): void {
  const pageEnd = start + Math.min(realPageEvents, count) - 1;
  let from = start;
  const first =
    event === undefined
      ? firstVisibleRevision(head.last, metadata)
      : viewStoredEvent(event.message).revision;
  if (pageEnd < first) {
    call.send(firstStreamPosition(first));
    from = first;
  }
  if (event === undefined && from !== head.last + 1) call.send(firstStreamPosition(head.last + 1));
}

function* pagesOfAll(log: EventLog, call: GrpcCall, options: ReadOptions): Pages {
  const { backwards, filter, position, count } = options;
  if (typeof position === 'object' && !log.isPlace(position, backwards))
    return call.end(
      Status.unknown,
      `Unexpected ${filter ? 'Filtered' : ''}ReadAllResult: InvalidPosition`,
    );
  const matches = filter && eventFilter(filter);
  let next: number;
  if (typeof position !== 'object') next = firstOf(position);
  else next = backwards ? log.endBackwards(position) : firstFrom(position);
  for (let left = count; left > 0; ) {
    const page = log.pageOfAll(next, backwards, matches ? undefined : left);
    const last = page[page.length - 1];
    if (last === undefined) return;
    const wanted = matches ? page.filter(({ message }) => matchesStored(matches, message)) : page;
    yield wanted.length > left ? wanted.slice(0, left) : wanted;
    left -= wanted.length;
    next = backwards ? last.position : last.position + 1;
  }
}

function firstOf(from: number | 'start' | 'end'): number {
  if (from === 'start') return 0;
  return from === 'end' ? Number.POSITIVE_INFINITY : from;
}
