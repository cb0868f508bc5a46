import { setImmediate as turn } from 'node:timers/promises';
import type { EventStoreDBClient } from '@eventstore/db-client';
import type { ClientReadableStream } from '@grpc/grpc-js';
import {
  LogDiffers,
  type LogMessage,
  type LogMessages,
  type LogPlace,
} from '../../commands/core/event-store.ts';
import { eventAt, isBefore, type LogPosition } from '../../events/log-position.ts';
import type { EventStoreBounds } from './bounds.ts';
import { openReadCall } from './client.ts';
import type { Connection } from './connection.ts';
import { isInvalidPosition, isTransient, messageOf, NoAnswer, refused } from './failures.ts';
import { QuietWatch, type Watched } from './quiet-watch.ts';
import { encodeSubscription, type ReadMessage } from './read-messages.ts';
import { type EventInLog, Reading } from './reading.ts';
import { answerWithin } from './timing.ts';

type ReadCall<Event> = ClientReadableStream<ReadMessage<Event>>;

export interface Wanted<Event> {
  readonly after: LogPlace | null;
  readonly prefixes: readonly string[];
  readonly signal: AbortSignal;
  /** Makes the call's messages. */
  readonly decode: (bytes: Buffer) => ReadMessage<Event>;
  /** Called with a description of each message from the server that is skipped. */
  readonly onOddity: (what: string) => void;
}

/**
 * See the port. Makes one call after another. Each call starts at the last event of the call
 * before. This event shows that the log is still the same. Closes the connection when it ends.
 */
export function subscribe<Event extends EventInLog>(
  connection: Connection,
  bounds: EventStoreBounds,
  wanted: Wanted<Event>,
): LogMessages<Event> {
  const batches = inBatches(connection, bounds, wanted);
  return { batches, [Symbol.asyncIterator]: () => oneByOne(batches) };
}

async function* oneByOne<Message>(
  batches: AsyncIterable<readonly Message[]>,
): AsyncGenerator<Message, void, undefined> {
  for await (const batch of batches) yield* batch;
}

async function* inBatches<Event extends EventInLog>(
  connection: Connection,
  bounds: EventStoreBounds,
  wanted: Wanted<Event>,
): AsyncGenerator<readonly LogMessage<Event>[], void, undefined> {
  const { after, prefixes, signal, onOddity } = wanted;
  const reading = new Reading(after, onOddity);
  let differsSinceMs: number | undefined;
  try {
    while (!signal.aborted) {
      let client: EventStoreDBClient | undefined;
      let session: Session<Event> | undefined;
      try {
        client = await connection.client(signal);
        const call = await open(client, bounds, reading.begin(), wanted);
        session = new Session(client, call, bounds, reading, prefixes, signal);
        for (;;) {
          const messages = await session.next();
          if (messages === undefined) break;
          connection.worked();
          const { taken, failure } = takeAll(reading, messages);
          if (taken.length > 0) {
            differsSinceMs = undefined;
            yield taken;
          }
          if (failure !== undefined) throw failure.error;
        }
        if (signal.aborted) return;
        connection.failed(client, new NoAnswer('the store ended the subscription'));
      } catch (error) {
        if (signal.aborted) return;
        const differs = differenceIn(error, reading);
        if (differs !== undefined) {
          differsSinceMs ??= performance.now();
          const leftMs = differsSinceMs + bounds.behindMs - performance.now();
          if (!differs.mayPass || leftMs <= 0) throw differs;
        } else if (!isTransient(error)) {
          throw refused(`subscribe to ${prefixes.join(', ')}`, error);
        }
        connection.failed(client, error);
      } finally {
        session?.end();
      }
    }
  } finally {
    connection.close();
  }
}

/**
 * The messages to deliver. If a message ended the call, it is the one after them, and `failure` is
 * its error.
 */
function takeAll<Event extends EventInLog>(
  reading: Reading,
  messages: readonly LogMessage<Event>[],
): {
  readonly taken: readonly LogMessage<Event>[];
  readonly failure?: { readonly error: unknown };
} {
  const taken: LogMessage<Event>[] = [];
  try {
    for (const message of messages) if (reading.take(message)) taken.push(message);
    return { taken };
  } catch (error) {
    return { taken, failure: { error } };
  }
}

/**
 * Some servers refuse a position that their log does not have. Others deliver the events that they
 * have there.
 */
function differenceIn(error: unknown, reading: Reading): LogDiffers | undefined {
  if (error instanceof LogDiffers) return error;
  return isInvalidPosition(error) ? reading.refused(messageOf(error)) : undefined;
}

/** Opens the call. If it opens too late, or after the signal has aborted, it is cancelled. */
async function open<Event>(
  client: EventStoreDBClient,
  { answerMs }: EventStoreBounds,
  after: LogPosition | null,
  { prefixes, signal, decode }: Wanted<Event>,
): Promise<ReadCall<Event>> {
  const opening = openReadCall(client, encodeSubscription(after, prefixes), decode);
  let isTaken = false;
  opening
    .then((call) => {
      call.on('error', () => {}); // also when nobody takes it, or after its session has ended
      setImmediate(() => isTaken || call.cancel());
    })
    .catch(() => {}); // the awaited promise reports it
  const call = await answerWithin(answerMs, 'finding the store', opening);
  signal.throwIfAborted();
  isTaken = true;
  return call;
}

/**
 * The messages of one call, in the order in which they came. The call is paused while
 * `readAheadEvents` messages wait.
 */
class Session<Event> implements Watched {
  readonly #call: ReadCall<Event>;
  readonly #watch: QuietWatch;
  readonly #signal: AbortSignal;
  readonly #readAhead: number;
  #messages: LogMessage<Event>[] = [];
  #wake: (() => void) | undefined;
  #failure: unknown;
  #isOver = false;

  constructor(
    client: EventStoreDBClient,
    call: ReadCall<Event>,
    bounds: EventStoreBounds,
    reading: Reading,
    prefixes: readonly string[],
    signal: AbortSignal,
  ) {
    this.#call = call;
    this.#readAhead = bounds.readAheadEvents;
    this.#signal = signal;
    call.on('data', (message: ReadMessage<Event>) => this.#came(message));
    call.on('error', (error) => this.fail(error));
    call.on('end', () => this.#finish());
    signal.addEventListener('abort', this.#finish);
    this.#watch = new QuietWatch(
      client,
      bounds,
      this,
      (newest) =>
        isBefore(reading.position, eventAt(newest.position)) &&
        prefixes.some((prefix) => newest.stream.startsWith(prefix)),
    );
  }

  get isWaiting(): boolean {
    return this.#wake !== undefined;
  }

  /**
   * The messages since the last call of this method. It waits for at least one. Undefined if the
   * server has ended the call or the signal has aborted.
   * @throws the error of the call, or NoAnswer for a silent server
   */
  async next(): Promise<readonly LogMessage<Event>[] | undefined> {
    if (this.#messages.length === 0 && !this.#isOver) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      // gRPC delivers each message in a microtask of its own, also those that came together. After
      // this turn of the event loop, all of them are one list.
      await turn();
    }
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#messages.length === 0) return undefined;
    const messages = this.#messages;
    this.#messages = [];
    this.#call.resume();
    return messages;
  }

  fail(error: unknown): void {
    this.#failure ??= error;
    this.#finish();
  }

  end(): void {
    this.#signal.removeEventListener('abort', this.#finish);
    this.#watch.stop();
    this.#call.cancel();
  }

  #came(message: ReadMessage<Event>): void {
    this.#watch.heard();
    if (message.kind === 'confirmed' || message.kind === 'other') return;
    this.#messages.push(message);
    if (this.#messages.length >= this.#readAhead) this.#call.pause();
    this.#takeUp();
  }

  readonly #finish = (): void => {
    this.#isOver = true;
    this.#takeUp();
  };

  #takeUp(): void {
    this.#wake?.();
    this.#wake = undefined;
  }
}
