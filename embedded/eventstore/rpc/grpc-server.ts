/**
 * gRPC on Node's own HTTP/2, without a library. It has only the parts that the event store needs.
 * Messages that are sent in one turn of the event loop become one write.
 */
import {
  createServer,
  type Http2Server,
  type IncomingHttpHeaders,
  type ServerHttp2Session,
} from 'node:http2';
import type { AddressInfo, Socket } from 'node:net';
import { GrpcCall, type RpcHandler, Status } from './grpc-call.ts';

export type Routes = ReadonlyMap<string, RpcHandler>;

/**
 * The number of bytes that a client may send before the server reads them. A batch append stream
 * has megabytes.
 */
const receiveWindowBytes = 1024 * 1024;
const concurrentCallsMax = 10_000;
/**
 * Node counts the buffered bytes of each HTTP/2 session. Above this limit, it refuses new calls. In
 * MB.
 */
const sessionMemoryMaxMb = 512;
/**
 * After the request to end, calls may take this long. Then they are reset, and their connections
 * are closed.
 */
const goodbyeMs = 300;
const resetMs = 100;
/**
 * The time between two pings of a connection (EventStoreDB's own interval). The answer must come
 * before the next ping. Without pings, nobody would notice that nghttp2 has stopped reading from a
 * client that resets too many calls.
 */
const keepAliveMsDefault = 10_000;

/** Gets each call before its handler. The handler runs when this function calls `proceed`. */
export type Interceptor = (call: GrpcCall, proceed: () => void) => void;

export class GrpcServer {
  readonly #http: Http2Server;
  readonly #sockets = new Set<Socket>();
  readonly #sessions = new Map<ServerHttp2Session, Socket>();
  /** Connections with a ping that has no answer yet. */
  readonly #asked = new Set<ServerHttp2Session>();
  readonly #keepAlive: NodeJS.Timeout;
  readonly #calls = new Set<GrpcCall>();
  readonly #routes: Routes;
  readonly #intercept: Interceptor;

  constructor(
    routes: Routes,
    intercept: Interceptor = (_, proceed) => proceed(),
    keepAliveMs = keepAliveMsDefault,
  ) {
    this.#routes = routes;
    this.#keepAlive = setInterval(() => this.#askForLife(), keepAliveMs);
    this.#keepAlive.unref();
    this.#intercept = intercept;
    this.#http = createServer({
      maxSessionMemory: sessionMemoryMaxMb,
      settings: {
        initialWindowSize: receiveWindowBytes,
        maxConcurrentStreams: concurrentCallsMax,
      },
    });
    // This listener comes before Node's own one, which makes the session of this socket at once.
    let accepted: Socket;
    this.#http.prependListener('connection', (socket: Socket) => {
      accepted = socket;
      socket.setNoDelay(true);
      this.#sockets.add(socket);
      socket.once('close', () => this.#sockets.delete(socket));
    });
    this.#http.on('session', (session) => {
      session.setLocalWindowSize(receiveWindowBytes);
      this.#sessions.set(session, accepted);
      // A broken connection ends its calls. Nobody else must be informed.
      session.on('error', () => session.destroy());
      session.once('close', () => this.#forget(session));
    });
    this.#http.on('stream', (stream, headers) =>
      this.#accept(new GrpcCall(stream, headers), headers),
    );
  }

  /** Starts to listen; port 0 takes a free one. Returns the port. */
  listen(host: string, port: number): Promise<number> {
    return new Promise((resolve, reject) => {
      const listening = () => {
        this.#http.removeListener('error', refused);
        resolve((this.#http.address() as AddressInfo).port);
      };
      // If the port is in use, the caller tries again. So the listener of this try must be removed.
      const refused = (error: Error) => {
        this.#http.removeListener('listening', listening);
        reject(error);
      };
      this.#http.once('error', refused);
      this.#http.listen(port, host, listening);
    });
  }

  #accept(call: GrpcCall, headers: IncomingHttpHeaders): void {
    this.#calls.add(call);
    call.onceClosed(() => this.#calls.delete(call));
    const path = headers[':path'] ?? '';
    const handler = this.#routes.get(path);
    if (handler === undefined) {
      call.end(Status.unimplemented, `${path} is not implemented by the embedded event store`);
      return;
    }
    this.#intercept(call, () => handler(call));
  }

  #askForLife(): void {
    for (const session of this.#sessions.keys()) {
      // A destroyed session may still wait for a socket that sends nothing.
      const isThere =
        !session.destroyed &&
        !this.#asked.has(session) &&
        session.ping((error) => error || this.#asked.delete(session));
      if (isThere) this.#asked.add(session);
      else this.#forget(session);
    }
  }

  /** Closes the socket of an ended session, even if calls still wait on it. */
  #forget(session: ServerHttp2Session): void {
    session.destroy();
    this.#sessions.get(session)?.destroy();
    this.#sessions.delete(session);
    this.#asked.delete(session);
  }

  /** How much is going on. */
  get load(): { calls: number; connections: number } {
    return { calls: this.#calls.size, connections: this.#sockets.size };
  }

  /** Breaks every connection at once, as a crash would. */
  cutConnections(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  /** Ends all calls with CANCELLED, as a real node that shuts down does, and closes. */
  async stop(): Promise<void> {
    clearInterval(this.#keepAlive);
    const closed = new Promise<void>((resolve) => this.#http.close(() => resolve()));
    for (const call of this.#calls) call.end(Status.cancelled, 'the server is shutting down');
    for (const session of this.#sessions.keys()) session.close();
    // A client that reads slowly gets a reset. The reset comes before the messages that the client
    // has not received yet.
    const reset = setTimeout(() => {
      for (const call of this.#calls) call.cancel();
    }, goodbyeMs);
    const cut = setTimeout(() => this.cutConnections(), goodbyeMs + resetMs);
    await closed;
    clearTimeout(reset);
    clearTimeout(cut);
  }
}
