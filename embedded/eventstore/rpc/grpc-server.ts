/**
 * gRPC on Node's own HTTP/2: as much of it as the event store needs, and nothing between its
 * messages and the socket. Messages sent in one turn of the event loop leave as one write.
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

/** What a client may have under way before we read it; a batch append stream carries megabytes. */
const receiveWindowBytes = 1024 * 1024;
const concurrentCallsMax = 10_000;
/** Node counts buffered bytes a session and refuses new calls above it (in MB). */
const sessionMemoryMaxMb = 512;
/**
 * How long calls may take after the request to end. Then they are reset, and then their connections
 * are closed.
 */
const goodbyeMs = 300;
const resetMs = 100;
/**
 * How often each connection is asked for a sign of life, which must come before the next time
 * (EventStoreDB's own interval). nghttp2 stops reading from a client that resets too many calls,
 * and says so to nobody.
 */
const keepAliveMsDefault = 10_000;

/** Sees a call before its handler does, which runs when it calls `proceed`. */
export type Interceptor = (call: GrpcCall, proceed: () => void) => void;

export class GrpcServer {
  readonly #http: Http2Server;
  readonly #sockets = new Set<Socket>();
  readonly #sessions = new Map<ServerHttp2Session, Socket>();
  /** Asked for a sign of life that has not come yet. */
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
    // Before Node's own listener, which makes the session of this socket at once.
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
      // A port that is taken is tried again: the listener of this try must not stay.
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
      // One that is destroyed may still wait for a socket that nothing comes from.
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
    // A client that reads slowly learns it from a reset, which goes before what it has not taken
    // yet.
    const reset = setTimeout(() => {
      for (const call of this.#calls) call.cancel();
    }, goodbyeMs);
    const cut = setTimeout(() => this.cutConnections(), goodbyeMs + resetMs);
    await closed;
    clearTimeout(reset);
    clearTimeout(cut);
  }
}
