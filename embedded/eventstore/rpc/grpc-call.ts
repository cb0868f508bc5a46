import { constants, type IncomingHttpHeaders, type ServerHttp2Stream } from 'node:http2';
import { HandlerError } from '../codec/wire.ts';

/** gRPC status codes that this server answers with. */
export const Status = {
  ok: 0,
  cancelled: 1,
  unknown: 2,
  invalidArgument: 3,
  deadlineExceeded: 4,
  notFound: 5,
  permissionDenied: 7,
  resourceExhausted: 8,
  failedPrecondition: 9,
  aborted: 10,
  unimplemented: 12,
  internal: 13,
  unavailable: 14,
  unauthenticated: 16,
} as const;

export type StatusCode = (typeof Status)[keyof typeof Status];

export type RpcHandler = (call: GrpcCall) => void;

/** The listener of a call, which a service provides. */
export interface CallListener {
  message?(message: Buffer): void;
  /** The client has sent everything. */
  halfClosed?(): void;
}

/** The largest message that the server accepts (EventStoreDB's own limit). */
export const receiveBytesMax = 17 * 1024 * 1024;
const frameHeaderBytes = 5;
const responseHeaders = { ':status': 200, 'content-type': 'application/grpc+proto' } as const;
const timeoutUnitsMs: Readonly<Record<string, number>> = {
  H: 3_600_000,
  M: 60_000,
  S: 1_000,
  m: 1,
  u: 0.001,
  n: 0.000001,
};
/** The longest timer of Node. A longer deadline counts as no deadline. */
const timerMsMax = 2 ** 31 - 1;

/**
 * One call of any kind. It receives messages, sends messages, and ends with a status and trailers.
 */
export class GrpcCall {
  readonly headers: IncomingHttpHeaders;
  /** Milliseconds since the Unix epoch, Infinity when the client set none. */
  readonly deadlineMs: number;
  readonly #stream: ServerHttp2Stream;
  #listener: CallListener = {};
  #received: Buffer[] = [];
  #receivedBytes = 0;
  #outgoing: Buffer[] = [];
  #outgoingBytes = 0;
  #flushing = false;
  #ended = false;
  #closedListeners: (() => void)[] = [];
  #closed = false;
  #trailers: Record<string, string> = { 'grpc-status': '0' };
  #deadlineTimer: NodeJS.Timeout | undefined;

  constructor(stream: ServerHttp2Stream, headers: IncomingHttpHeaders) {
    this.#stream = stream;
    this.headers = headers;
    const timeoutMs = parseTimeout(headers['grpc-timeout']);
    this.deadlineMs = Date.now() + timeoutMs;
    if (timeoutMs <= timerMsMax) {
      const expire = () => this.end(Status.deadlineExceeded, 'the deadline has passed');
      this.#deadlineTimer = setTimeout(expire, timeoutMs);
    }
    // An error of a stream is ignored here, because its close always follows.
    stream.on('error', () => {});
    stream.once('close', () => this.#close());
  }

  /** Begins to receive messages. */
  listen(listener: CallListener): void {
    this.#listener = listener;
    this.#stream.on('data', (chunk: Buffer) => this.#receive(chunk));
    this.#stream.on('end', () => {
      if (!this.#ended) this.#guard(() => this.#listener.halfClosed?.());
    });
  }

  /** Receives the message of a call that has only one. */
  once(handle: (message: Buffer) => void): void {
    let message: Buffer | undefined;
    this.listen({
      message: (received) => {
        message = received;
      },
      halfClosed: () => {
        if (message === undefined) this.end(Status.invalidArgument, 'the request has no message');
        else handle(message);
      },
    });
  }

  /** Called once when the call ends: by itself, by the client or with its connection. */
  onceClosed(listener: () => void): void {
    if (this.#closed) listener();
    else this.#closedListeners.push(listener);
  }

  get isOpen(): boolean {
    return !this.#ended && !this.#closed;
  }

  /** True if nothing can be sent, because the client reset the call or its connection broke. */
  get #isGone(): boolean {
    return this.#stream.closed || this.#stream.destroyed;
  }

  /**
   * True while the client has not received all messages: wait for `drained` before you send more.
   */
  get isBlocked(): boolean {
    return this.#stream.writableNeedDrain;
  }

  /** Sends a message, in one write with all other messages of this turn of the event loop. */
  send(message: Buffer): void {
    if (!this.isOpen) return;
    const header = Buffer.allocUnsafe(frameHeaderBytes);
    header[0] = 0;
    header.writeUInt32BE(message.length, 1);
    this.#outgoing.push(header, message);
    this.#outgoingBytes += frameHeaderBytes + message.length;
    if (this.#flushing) return;
    this.#flushing = true;
    process.nextTick(() => this.flush());
  }

  flush(): void {
    this.#flushing = false;
    if (this.#outgoing.length === 0 || this.#isGone) return;
    if (!this.#stream.headersSent) this.#respond();
    const bytes = Buffer.concat(this.#outgoing, this.#outgoingBytes);
    this.#outgoing = [];
    this.#outgoingBytes = 0;
    this.#stream.write(bytes);
  }

  /** Resolves when the client has received all messages, or when the call is over. */
  drained(): Promise<void> {
    if (!this.isBlocked || this.#closed) return Promise.resolve();
    return new Promise((resolve) => {
      const done = () => {
        this.#stream.removeListener('drain', done);
        this.#stream.removeListener('close', done);
        resolve();
      };
      this.#stream.once('drain', done);
      this.#stream.once('close', done);
    });
  }

  /** Ends the call after all messages that were sent before. Only the first end has an effect. */
  end(status: StatusCode, message = '', trailers: Readonly<Record<string, string>> = {}): void {
    if (!this.isOpen) return;
    this.flush();
    this.#ended = true;
    clearTimeout(this.#deadlineTimer);
    const all: Record<string, string> = { 'grpc-status': String(status) };
    if (message !== '') all['grpc-message'] = percentEncoded(message);
    for (const [name, value] of Object.entries(trailers)) all[name] = headerValue(value);
    if (this.#isGone) return;
    if (!this.#stream.headersSent) {
      this.#stream.respond({ ...responseHeaders, ...all }, { endStream: true });
    } else {
      this.#trailers = all;
      this.#stream.end();
    }
    // Discards further messages of the client, so that the stream can close.
    this.#stream.resume();
  }

  /** Ends the call at once, as cancelled. Messages that the client has not received are lost. */
  cancel(): void {
    this.#ended = true;
    this.#stream.close(constants.NGHTTP2_CANCEL);
  }

  /** Breaks the call's connection without an answer. */
  cutConnection(): void {
    this.#stream.session?.socket.destroy();
  }

  pause(): void {
    this.#stream.pause();
  }

  resume(): void {
    if (!this.#closed) this.#stream.resume();
  }

  #respond(): void {
    this.#stream.respond(responseHeaders, { waitForTrailers: true });
    this.#stream.once('wantTrailers', () => {
      if (!this.#isGone) this.#stream.sendTrailers(this.#trailers);
    });
  }

  #receive(chunk: Buffer): void {
    if (this.#ended) return;
    this.#received.push(chunk);
    this.#receivedBytes += chunk.length;
    let buffer: Buffer | undefined;
    let at = 0;
    while (this.#receivedBytes - at >= frameHeaderBytes) {
      if (buffer === undefined) {
        // A long message comes in many chunks: join them only when it is complete.
        const wanted = this.#wantedBytes();
        if (wanted > receiveBytesMax + frameHeaderBytes) {
          this.#refuseLarge();
          return;
        }
        if (wanted > this.#receivedBytes) return;
        buffer = this.#received.length === 1 ? chunk : Buffer.concat(this.#received);
      }
      const length = buffer.readUInt32BE(at + 1);
      if (length > receiveBytesMax) {
        this.#refuseLarge();
        return;
      }
      if (this.#receivedBytes - at < frameHeaderBytes + length) break;
      const start = at + frameHeaderBytes;
      at = start + length;
      const message = buffer.subarray(start, at);
      if (buffer[start - frameHeaderBytes] !== 0) {
        this.end(Status.unimplemented, 'compressed messages are not supported');
        return;
      }
      this.#guard(() => this.#listener.message?.(message));
      if (this.#ended) return;
    }
    if (buffer !== undefined) {
      this.#received = at === buffer.length ? [] : [buffer.subarray(at)];
      this.#receivedBytes = buffer.length - at;
    }
  }

  /** Length of the first message with its frame header, once that header is there. */
  #wantedBytes(): number {
    const first = this.#received[0] as Buffer;
    const head =
      first.length >= frameHeaderBytes ? first : Buffer.concat(this.#received, frameHeaderBytes);
    return frameHeaderBytes + head.readUInt32BE(1);
  }

  #refuseLarge(): void {
    this.end(Status.resourceExhausted, `a message is larger than ${receiveBytesMax} bytes`);
  }

  #guard(action: () => void): void {
    try {
      action();
    } catch (error) {
      const status = error instanceof HandlerError ? Status.unknown : Status.invalidArgument;
      this.end(status, (error as Error).message);
    }
  }

  #close(): void {
    this.#closed = true;
    clearTimeout(this.#deadlineTimer);
    for (const listener of this.#closedListeners.splice(0)) listener();
  }
}

function parseTimeout(header: string | string[] | undefined): number {
  if (typeof header !== 'string') return Number.POSITIVE_INFINITY;
  const unit = timeoutUnitsMs[header.slice(-1)];
  const value = Number(header.slice(0, -1));
  return unit === undefined || Number.isNaN(value) ? Number.POSITIVE_INFINITY : value * unit;
}

/** A status message in the form of gRPC: a byte that is not visible ASCII becomes %XX. */
function percentEncoded(text: string): string {
  return text.replace(/[^\x20-\x24\x26-\x7e]+/g, (part) =>
    Array.from(Buffer.from(part), (byte) => `%${byte.toString(16).padStart(2, '0')}`).join(''),
  );
}

/**
 * Metadata values are visible ASCII; anything else would break the whole call, so it is encoded.
 */
function headerValue(value: string): string {
  return /^[\x20-\x7e]*$/.test(value) ? value : encodeURIComponent(value);
}
