import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Logger } from 'pino';
import { httpLimits, type Timeouts } from './limits.ts';
import { Sampler } from './sampler.ts';

/**
 * A connection that was just opened has this long to ask before it counts as idle, in milliseconds.
 */
const firstAskMs = 1_000;

/**
 * After a search that found no idle connection there is none for as long, in milliseconds: it looks
 * at all of them.
 */
const searchPauseMs = 100;

/**
 * The connections of a server, the one that asked longest ago first. At the bound the longest idle
 * ones are closed for those that come; when none is idle, `connectionsSpare` more are taken, for
 * probes alone.
 */
export class Connections {
  readonly #max: number;
  readonly #log: Logger;
  readonly #sampler = new Sampler(httpLimits.connectionsLogMs);
  /** With the response that was begun last; before the first, when it was opened. */
  readonly #open = new Map<Socket, ServerResponse | number>();
  readonly #spare = new WeakSet<Socket>();
  #searchAgainMs = 0;
  /**
   * Idle ones that were closed to let others in, and those that were dropped, since the process
   * started.
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

  /** One was turned away by the system's bound. */
  dropped(): void {
    this.#dropped += 1;
    this.#tell('connections are dropped: none is idle');
  }

  /** Called with each response that is begun. */
  asked(socket: Socket, res: ServerResponse): void {
    if (this.#open.delete(socket)) this.#open.set(socket, res);
  }

  /** May this connection ask for probes alone? */
  isForProbes(socket: Socket): boolean {
    return this.#open.size > this.#max && this.#spare.has(socket);
  }

  /**
   * The response that is under way on a connection, if any; with several the last one, which is
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
