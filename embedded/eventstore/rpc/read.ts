/** Read: a stream or `$all`, either way, or a subscription to one of them. */
import { decodeRead, type ReadOptions } from '../codec/read-request.ts';
import { streamNotFound } from '../codec/responses.ts';
import type { EventLog, StoredAt } from '../log/log.ts';
import { firstFrom } from '../log/position.ts';
import { resolveLink } from '../streams/links.ts';
import { pageOfStream, stateOf } from '../streams/read.ts';
import { eventFilter, matchesStored } from '../subscriptions/filter.ts';
import { Subscription } from '../subscriptions/subscription.ts';
import { endStreamDeleted } from './errors.ts';
import { type GrpcCall, Status } from './grpc-call.ts';
import type { Service } from './service.ts';

export function read(service: Service, call: GrpcCall): void {
  call.once((message) => {
    const options = decodeRead(message);
    if (options.isSubscription) {
      new Subscription(call, service.log, options, service.checkpoints).start(service.hub);
      return;
    }
    const pages = options.stream === undefined ? pagesOfAll : pagesOfStream;
    sendPages(service.log, call, options, pages).catch((error: Error) =>
      call.end(Status.internal, error.message),
    );
  });
}

type Pages = (
  log: EventLog,
  call: GrpcCall,
  options: ReadOptions,
) => Generator<StoredAt[], void, undefined>;

/** Sends page by page, each when the client took the one before; a short answer leaves in one write. */
async function sendPages(
  log: EventLog,
  call: GrpcCall,
  options: ReadOptions,
  pages: Pages,
): Promise<void> {
  const iterator = pages(log, call, options);
  let left = options.count;
  let page = iterator.next();
  while (!page.done) {
    for (const stored of page.value) {
      if (left-- <= 0) break;
      call.send(options.resolveLinks ? resolveLink(log, stored) : stored.message);
    }
    page = iterator.next();
    if (left <= 0 || page.done) break;
    call.flush();
    // Other calls get their turn between two pages.
    await new Promise(setImmediate);
    await call.drained();
    if (!call.isOpen) return;
  }
  call.end(Status.ok);
}

function* pagesOfStream(log: EventLog, call: GrpcCall, options: ReadOptions) {
  const { stream = '', revision, backwards, count } = options;
  const state = stateOf(log, stream);
  if (state.kind === 'deleted') return endStreamDeleted(call, stream);
  if (state.kind === 'not-found') {
    call.send(streamNotFound(stream));
    return;
  }
  let next: number | undefined = firstOf(revision);
  let left = count;
  while (next !== undefined && left > 0) {
    const page = pageOfStream(log, state, next, backwards, left);
    yield page.events;
    left -= page.events.length;
    next = page.next;
  }
}

function* pagesOfAll(log: EventLog, _call: GrpcCall, options: ReadOptions) {
  const { backwards, filter, position } = options;
  const matches = filter && eventFilter(filter);
  let next: number;
  if (typeof position !== 'object') next = firstOf(position);
  else next = backwards ? log.endBackwards(position) : firstFrom(position);
  for (;;) {
    const page = log.pageOfAll(next, backwards, options.count);
    const last = page[page.length - 1];
    if (last === undefined) return;
    yield matches ? page.filter(({ message }) => matchesStored(matches, message)) : page;
    next = backwards ? last.position : last.position + 1;
  }
}

function firstOf(from: number | 'start' | 'end'): number {
  if (from === 'start') return 0;
  return from === 'end' ? Number.POSITIVE_INFINITY : from;
}
