/**
 * One subscription: history from disk, then live events. A subscriber that is too slow gets no more
 * live events, and reads from disk again. So the memory for waiting events is bounded. The
 * subscriber gets each event once and in order.
 */
import { randomUUID } from 'node:crypto';
import type { ReadOptions } from '../codec/read-request.ts';
import { caughtUp, subscriptionConfirmed } from '../codec/responses.ts';
import { withStructuredIds } from '../codec/structured-ids.ts';
import { HandlerError } from '../codec/wire.ts';
import type { CommittedEvent, EventLog } from '../log/log.ts';
import { endStreamDeleted } from '../rpc/errors.ts';
import { type GrpcCall, Status } from '../rpc/grpc-call.ts';
import { resolveLink } from '../streams/links.ts';
import { stateOf } from '../streams/read.ts';
import { AllSource } from './all-source.ts';
import type { Subscriber, SubscriptionHub } from './hub.ts';
import type { CheckpointManner } from './search.ts';
import type { Sink, Source } from './source.ts';
import { StreamSource } from './stream-source.ts';

/** The number of live events that wait for a busy subscriber. EventStoreDB has the same number. */
export const liveBufferEventsMax = 32;

export class Subscription implements Subscriber {
  #isLive = false;
  #buffer: CommittedEvent[] = [];
  readonly #call: GrpcCall;
  readonly #log: EventLog;
  readonly #source: Source;

  constructor(call: GrpcCall, log: EventLog, options: ReadOptions, manner: CheckpointManner) {
    this.#call = call;
    this.#log = log;
    const { resolveLinks, structuredIds } = options;
    const sink: Sink = {
      send: (message) => call.send(message),
      deliver(event, from) {
        const message = resolveLinks ? resolveLink(log, event, from) : event.message;
        call.send(structuredIds ? withStructuredIds(message) : message);
      },
    };
    const { stream, revision, filter } = options;
    if (filter?.checkpointInterval === 0)
      throw new HandlerError('the checkpoint interval must not be zero');
    this.#source =
      stream === undefined
        ? new AllSource(sink, log, options, manner)
        : new StreamSource(sink, log, stream, revision);
  }

  /** Confirms the subscription, and continues until the call ends. */
  start(hub: SubscriptionHub): void {
    const { stream } = this.#source;
    if (stream !== undefined && stateOf(this.#log, stream).kind === 'deleted') {
      endStreamDeleted(this.#call, stream);
      return;
    }
    this.#call.onceClosed(hub.join(this, stream));
    this.#call.send(subscriptionConfirmed(randomUUID()));
    if (this.#source.isAtHead) this.#goLive();
    else void this.#catchUp();
  }

  onCommitted(events: readonly CommittedEvent[]): void {
    if (!this.#call.isOpen) return;
    if (!this.#isLive) {
      this.#source.missed(events.length);
      return;
    }
    try {
      this.#sendLive(events);
    } catch (error) {
      // Only this subscription fails. The others still get the commit.
      this.#call.end(Status.internal, (error as Error).message);
    }
  }

  #sendLive(events: readonly CommittedEvent[]): void {
    for (const [i, event] of events.entries()) {
      if (this.#buffer.length > 0 || this.#call.isBlocked) {
        this.#keep(events.slice(i));
        return;
      }
      if (this.#source.live(event) === 'deleted') {
        this.#endDeleted();
        return;
      }
      // It sends in steps. After each step, it checks whether the subscriber still accepts
      // messages.
      if (i % liveBufferEventsMax === liveBufferEventsMax - 1) this.#call.flush();
    }
  }

  #keep(events: readonly CommittedEvent[]): void {
    const wasEmpty = this.#buffer.length === 0;
    this.#buffer.push(...events);
    if (this.#buffer.length > liveBufferEventsMax) {
      this.#source.missed(this.#buffer.length);
      this.#source.fellBehind();
      this.#buffer = [];
      this.#isLive = false;
      // With an empty buffer nobody waits for the subscriber yet; else `release` sees it is not
      // live.
      if (wasEmpty) void this.#catchUp();
    } else if (wasEmpty) void this.#release();
  }

  /** Sends the waiting events when the subscriber accepts them. */
  async #release(): Promise<void> {
    await this.#call.drained();
    if (!this.#isLive) return this.#catchUp();
    const kept = this.#buffer;
    this.#buffer = [];
    this.onCommitted(kept);
  }

  async #catchUp(): Promise<void> {
    try {
      this.#source.begin();
      for (;;) {
        this.#call.flush();
        await this.#call.drained();
        if (!this.#call.isOpen) return;
        const found = this.#source.sendPage();
        if (found === 'deleted') return this.#endDeleted();
        if (found === 'invalid') {
          this.#call.end(Status.invalidArgument, 'Trying to read from an invalid position.');
          return;
        }
        if (found === 'at-head') break;
        // Other calls run between two pages.
        this.#call.flush();
        await new Promise(setImmediate);
      }
    } catch (error) {
      this.#call.end(Status.internal, (error as Error).message);
      return;
    }
    this.#goLive();
  }

  #goLive(): void {
    this.#isLive = true;
    this.#call.send(caughtUp);
  }

  #endDeleted(): void {
    endStreamDeleted(this.#call, this.#source.stream ?? '');
  }
}
