import cluster from 'node:cluster';
import type { Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Logger } from 'pino';
import { httpLimits, type Timeouts } from './limits.ts';
import { Sampler } from './sampler.ts';

/**
 * A new connection does not count as idle for this long, in milliseconds. It needs this time for
 * its first request.
 */
const firstAskMs = 1_000;

/**
 * After a search without an idle connection, the next search waits this long, in milliseconds. A
 * search looks at all connections.
 */
const searchPauseMs = 100;

/**
 * The connections of a server. The first one is the connection with the oldest last request. At the
 * bound, the server closes those that have been idle for longest, to accept new ones. If none is
 * idle, it accepts `connectionsSpare` more, which may only send probes.
 */
export class Connections {
  readonly #max: number;
  readonly #log: Logger;
  readonly #sampler = new Sampler(httpLimits.connectionsLogMs);
  /** Each with its last response, or before the first response with the time of its opening. */
  readonly #open = new Map<Socket, ServerResponse | number>();
  readonly #spare = new WeakSet<Socket>();
  #searchAgainMs = 0;
  /**
   * Since the process started: idle connections that were closed for new ones, and connections that
   * were dropped.
   */
  #closed = 0;
  #dropped = 0;

  constructor(log: Logger, { connectionsMax }: Pick<Timeouts, 'connectionsMax'> = httpLimits) {
    this.#log = log;
    this.#max = connectionsMax;
  }

  counts(): { open: number; closed: number; dropped: number } {
    return { open: this.#open.size, closed: this.#closed, dropped: this.#dropped };
  }

  opened(socket: Socket): void {
    if (this.#open.size >= this.#max) this.#makeRoom();
    if (this.#open.size >= this.#max) this.#spare.add(socket);
    this.#open.set(socket, performance.now());
    socket.once('close', () => this.#open.delete(socket));
  }

  /** Node has refused a connection at its bound. */
  dropped(): void {
    this.#dropped += 1;
    this.#tell('connections are dropped: none is idle');
  }

  /** Called with each response that is begun. */
  asked(socket: Socket, res: ServerResponse): void {
    if (this.#open.delete(socket)) this.#open.set(socket, res);
  }

  /** May this connection only send probes? */
  isForProbes(socket: Socket): boolean {
    return this.#open.size > this.#max && this.#spare.has(socket);
  }

  /**
   * The unfinished response of a connection, if any. With several, it is the last one, which is
   * sent after the others.
   */
  underWay(socket: Socket): ServerResponse | undefined {
    const last = this.#open.get(socket);
    return last === undefined || typeof last === 'number' || last.closed ? undefined : last;
  }

  #makeRoom(): void {
    const nowMs = performance.now();
    if (nowMs < this.#searchAgainMs) return;
    const together = Math.ceil(this.#max * httpLimits.connectionsClosedShare);
    let left = together;
    for (const [socket, last] of this.#open) {
      const isIdle = typeof last === 'number' ? nowMs - last > firstAskMs : last.closed;
      if (!isIdle) continue;
      this.#open.delete(socket);
      socket.destroy();
      this.#closed += 1;
      left -= 1;
      if (left === 0) break;
    }
    if (left === together) this.#searchAgainMs = nowMs + searchPauseMs;
    else this.#tell('the longest idle connections are closed to let others in');
  }

  #tell(what: string): void {
    if (this.#sampler.count(what) !== undefined) this.#log.warn(this.counts(), what);
  }
}

/**
 * Counts the connections of a server, and drops those above `max`.
 * @param isWorker In a worker, Node's own bound gives a connection back to the primary process,
 * which offers it to the workers again at once, without end. So a worker closes it itself
 */
export function boundConnections(
  server: Server,
  connections: Connections,
  max: number,
  isWorker: boolean = cluster.isWorker,
): void {
  if (!isWorker) server.maxConnections = max;
  server.on('connection', (socket) => {
    if (isWorker && connections.counts().open >= max) {
      socket.destroy();
      connections.dropped();
    } else connections.opened(socket);
  });
  server.on('drop', () => connections.dropped());
}
