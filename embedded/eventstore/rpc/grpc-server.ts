/**
 * gRPC on Node's own HTTP/2: as much of it as the event store needs, and nothing between its messages and
 * the socket. Messages sent in one turn of the event loop leave as one write.
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
const RECEIVE_WINDOW_BYTES = 1024 * 1024;
const CONCURRENT_CALLS_MAX = 10_000;
/** Node counts buffered bytes a session and refuses new calls above it (in MB). */
const SESSION_MEMORY_MAX_MB = 512;
/** How long calls that were told to end may take before their connections are cut. */
const GOODBYE_MS = 300;

/** Sees a call before its handler does, which runs when it calls `proceed`. */
export type Interceptor = (call: GrpcCall, proceed: () => void) => void;

export class GrpcServer {
  private readonly http: Http2Server;
  private readonly sockets = new Set<Socket>();
  private readonly sessions = new Set<ServerHttp2Session>();
  private readonly calls = new Set<GrpcCall>();
  private readonly routes: Routes;
  private readonly intercept: Interceptor;

  constructor(routes: Routes, intercept: Interceptor = (_, proceed) => proceed()) {
    this.routes = routes;
    this.intercept = intercept;
    this.http = createServer({
      maxSessionMemory: SESSION_MEMORY_MAX_MB,
      settings: {
        initialWindowSize: RECEIVE_WINDOW_BYTES,
        maxConcurrentStreams: CONCURRENT_CALLS_MAX,
      },
    });
    this.http.on('connection', (socket: Socket) => {
      socket.setNoDelay(true);
      this.sockets.add(socket);
      socket.once('close', () => this.sockets.delete(socket));
    });
    this.http.on('session', (session) => {
      session.setLocalWindowSize(RECEIVE_WINDOW_BYTES);
      this.sessions.add(session);
      // A broken connection ends its calls; there is nobody else to tell.
      session.on('error', () => session.destroy());
      session.once('close', () => this.sessions.delete(session));
    });
    this.http.on('stream', (stream, headers) =>
      this.accept(new GrpcCall(stream, headers), headers),
    );
  }

  /** Starts to listen; port 0 takes a free one. Returns the port. */
  listen(host: string, port: number): Promise<number> {
    return new Promise((resolve, reject) => {
      this.http.once('error', reject);
      this.http.listen(port, host, () => {
        this.http.removeListener('error', reject);
        resolve((this.http.address() as AddressInfo).port);
      });
    });
  }

  private accept(call: GrpcCall, headers: IncomingHttpHeaders): void {
    this.calls.add(call);
    call.onceClosed(() => this.calls.delete(call));
    const path = headers[':path'] ?? '';
    const handler = this.routes.get(path);
    if (handler === undefined) {
      call.end(Status.unimplemented, `${path} is not implemented by the embedded event store`);
      return;
    }
    this.intercept(call, () => handler(call));
  }

  /** How much is going on. */
  get load(): { calls: number; connections: number } {
    return { calls: this.calls.size, connections: this.sockets.size };
  }

  /** Breaks every connection at once, as a crash would. */
  cutConnections(): void {
    for (const socket of this.sockets) socket.destroy();
  }

  /** Ends all calls with CANCELLED, as a real node that shuts down does, and closes. */
  async stop(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.http.close(() => resolve()));
    for (const call of this.calls) call.end(Status.cancelled, 'the server is shutting down');
    for (const session of this.sessions) session.close();
    const cut = setTimeout(() => this.cutConnections(), GOODBYE_MS);
    await closed;
    clearTimeout(cut);
  }
}
