/**
 * One subscription: history from disk, then live events as they are committed. A subscriber that does
 * not keep up loses its place in the live flow and reads from disk again, so what waits for it in memory
 * is bounded, and what it gets stays in order, each event once.
 */
import { randomUUID } from 'node:crypto';
import type { ReadOptions } from '../codec/requests.ts';
import { CAUGHT_UP, checkpointReached, subscriptionConfirmed } from '../codec/responses.ts';
import { MAX_REVISION } from '../codec/wire.ts';
import type { CommittedEvent, EventLog, StoredAt } from '../log/log.ts';
import { endStreamDeleted } from '../rpc/errors.ts';
import { type GrpcCall, Status } from '../rpc/grpc-call.ts';
import { resolveLink } from '../streams/links.ts';
import { pageOfStream, stateOf } from '../streams/read.ts';
import { type EventFilter, eventFilter, matchesStored } from './filter.ts';
import type { Subscriber, SubscriptionHub } from './hub.ts';

/** Live events that wait for a subscriber that is busy; EventStoreDB's own number. */
export const LIVE_BUFFER_EVENTS_MAX = 32;

export class Subscription implements Subscriber {
  /** The last position (`$all`) or revision (a stream) that was considered. */
  private cursor: number;
  private isLive = false;
  private buffer: CommittedEvent[] = [];
  private sinceCheckpoint = 0;
  private readonly call: GrpcCall;
  private readonly log: EventLog;
  private readonly options: ReadOptions;
  private readonly filter: EventFilter | undefined;

  constructor(call: GrpcCall, log: EventLog, options: ReadOptions) {
    this.call = call;
    this.log = log;
    this.options = options;
    this.filter = options.filter && eventFilter(options.filter);
    this.cursor = typeof options.from === 'number' ? options.from : -1;
    if (options.from === 'end')
      this.cursor = options.stream === undefined ? log.head : log.headOf(options.stream).last;
  }

  /** Confirms, and goes on until the call ends. */
  start(hub: SubscriptionHub): void {
    const { stream } = this.options;
    if (stream !== undefined && stateOf(this.log, stream).kind === 'deleted') {
      endStreamDeleted(this.call, stream);
      return;
    }
    this.call.onceClosed(hub.join(this, stream));
    this.call.send(subscriptionConfirmed(randomUUID()));
    void this.catchUp();
  }

  onCommitted(events: readonly CommittedEvent[]): void {
    if (!this.isLive || !this.call.isOpen) return;
    try {
      this.sendLive(events);
    } catch (error) {
      // Its own trouble only: the others still get the commit.
      this.call.end(Status.internal, (error as Error).message);
    }
  }

  private sendLive(events: readonly CommittedEvent[]): void {
    for (const [i, event] of events.entries()) {
      if (this.buffer.length > 0 || this.call.isBlocked) {
        this.keep(events.slice(i));
        return;
      }
      this.considerLive(event);
      // Sending in steps shows after each one whether the subscriber still takes it.
      if (i % LIVE_BUFFER_EVENTS_MAX === LIVE_BUFFER_EVENTS_MAX - 1) this.call.flush();
    }
  }

  private keep(events: readonly CommittedEvent[]): void {
    const wasEmpty = this.buffer.length === 0;
    this.buffer.push(...events);
    if (this.buffer.length > LIVE_BUFFER_EVENTS_MAX) {
      this.buffer = [];
      this.isLive = false;
      // With an empty buffer nobody waits for the subscriber yet; else `release` sees it is not live.
      if (wasEmpty) void this.catchUp();
    } else if (wasEmpty) void this.release();
  }

  /** Sends what was kept, when the subscriber takes it. */
  private async release(): Promise<void> {
    await this.call.drained();
    if (!this.isLive) return this.catchUp();
    const kept = this.buffer;
    this.buffer = [];
    this.onCommitted(kept);
  }

  private async catchUp(): Promise<void> {
    try {
      for (;;) {
        this.call.flush();
        await this.call.drained();
        if (!this.call.isOpen) return;
        const page = this.nextPage();
        if (page === 'deleted') return endStreamDeleted(this.call, this.options.stream ?? '');
        if (page === 'at-head') break;
        for (const stored of page) this.consider(stored);
        // Other calls get their turn between two pages.
        this.call.flush();
        await new Promise(setImmediate);
      }
    } catch (error) {
      this.call.end(Status.internal, (error as Error).message);
      return;
    }
    this.isLive = true;
    if (this.filter && this.cursor >= 0) this.call.send(checkpointReached(this.cursor));
    this.call.send(CAUGHT_UP);
  }

  /** The events after the cursor, as far as they are on disk. */
  private nextPage(): StoredAt[] | 'at-head' | 'deleted' {
    const { stream } = this.options;
    if (stream === undefined) {
      const page = this.log.pageOfAll(this.cursor + 1, false);
      return page.length === 0 && this.log.head <= this.cursor ? 'at-head' : page;
    }
    const state = stateOf(this.log, stream);
    if (state.kind === 'deleted') return 'deleted';
    if (state.kind === 'not-found') return 'at-head';
    const page = pageOfStream(this.log, state, this.cursor + 1, false, Number.POSITIVE_INFINITY);
    // Moves over what is truncated, which the page leaves out.
    this.cursor = page.next === undefined ? Math.max(this.cursor, state.head.last) : page.next - 1;
    return page.events.length === 0 && page.next === undefined ? 'at-head' : page.events;
  }

  private considerLive(event: CommittedEvent): void {
    const { stream } = this.options;
    const at = stream === undefined ? event.position : event.revision;
    if (at <= this.cursor) return;
    this.cursor = at;
    if (this.filter?.(event.stream, event.type) !== false) this.deliver(event);
    this.count(event.position);
    if (stream !== undefined && event.revision === MAX_REVISION)
      endStreamDeleted(this.call, stream);
  }

  private consider(stored: StoredAt): void {
    if (this.options.stream === undefined) this.cursor = stored.position;
    if (this.filter === undefined || matchesStored(this.filter, stored.message))
      this.deliver(stored);
    this.count(stored.position);
  }

  private deliver(event: StoredAt): void {
    this.call.send(this.options.resolveLinks ? resolveLink(this.log, event) : event.message);
  }

  private count(position: number): void {
    if (this.options.filter === undefined) return;
    if (++this.sinceCheckpoint < this.options.filter.checkpointInterval) return;
    this.sinceCheckpoint = 0;
    this.call.send(checkpointReached(position));
  }
}
