import type { ServerResponse } from 'node:http';
import { httpLimits, type Timeouts } from './limits.ts';
import { whenOver } from './over.ts';

export type OutboxLimits = Pick<
  Timeouts,
  'answerStallTimeoutMs' | 'answerStallCheckTimeoutMs' | 'answerWaitingBytesMax'
>;

/** A body on its way to one client. */
interface Delivery {
  readonly res: ServerResponse;
  readonly parts: readonly Buffer[];
  /** The next part, and how many of its bytes were written. */
  at: number;
  offset: number;
  /** When the socket last took some of it, by `performance.now()`. */
  movedMs: number;
}

/**
 * Sends large bodies at the speed of their sockets. All clients of a body share its parts. A part
 * counts once, until the last answer with this part is over. If a client reads nothing for
 * `answerStallTimeoutMs`, its connection ends.
 */
export class Outbox {
  readonly #limits: OutboxLimits;
  readonly #deliveries = new Set<Delivery>();
  /** How many answers wait with a part. */
  readonly #holders = new Map<Buffer, number>();
  #bytes = 0;
  #check: NodeJS.Timeout | undefined;

  constructor(limits: OutboxLimits = httpLimits) {
    this.#limits = limits;
  }

  /** Bytes that wait in memory for clients that have not read them. */
  get waitingBytes(): number {
    return this.#bytes;
  }

  /**
   * May this body wait, too? If no other body waits, it always may.
   * @param share of the bound that is for bodies of this kind, above 0 and at most 1
   */
  hasRoom(parts: readonly Buffer[], share: number): boolean {
    if (this.#bytes === 0) return true;
    let more = 0;
    for (const part of parts) if (!this.#holders.has(part)) more += part.length;
    return this.#bytes + more <= this.#limits.answerWaitingBytesMax * share;
  }

  /** Sends a body whose head was written, and ends the answer. */
  send(res: ServerResponse, parts: readonly Buffer[]): void {
    const delivery: Delivery = { res, parts, at: 0, offset: 0, movedMs: performance.now() };
    this.#deliveries.add(delivery);
    this.#hold(parts);
    this.#check ??= setInterval(() => this.#cutStalled(), this.#limits.answerStallCheckTimeoutMs);
    res.on('drain', () => proceed(delivery));
    whenOver(res, () => this.#over(delivery));
    if (this.#deliveries.has(delivery)) proceed(delivery);
  }

  #hold(parts: readonly Buffer[]): void {
    for (const part of parts) {
      const holders = this.#holders.get(part) ?? 0;
      if (holders === 0) this.#bytes += part.length;
      this.#holders.set(part, holders + 1);
    }
  }

  #over(delivery: Delivery): void {
    this.#deliveries.delete(delivery);
    for (const part of delivery.parts) {
      const holders = this.#holders.get(part) ?? 0;
      if (holders > 1) {
        this.#holders.set(part, holders - 1);
      } else {
        this.#holders.delete(part);
        this.#bytes -= part.length;
      }
    }
    if (this.#deliveries.size > 0) return;
    clearInterval(this.#check);
    this.#check = undefined;
  }

  #cutStalled(): void {
    const sinceMs = performance.now() - this.#limits.answerStallTimeoutMs;
    // Not `res.destroy`: an answer that waits behind another one on its connection has no socket
    // yet.
    for (const { res, movedMs } of this.#deliveries)
      if (movedMs <= sinceMs) res.req.socket.destroy();
  }
}

/**
 * Writes the next stretch. Written bytes wait in the socket until the client reads them. Therefore
 * a stretch is small.
 */
function proceed(delivery: Delivery): void {
  const { res, parts } = delivery;
  if (res.writableEnded || res.destroyed) return;
  delivery.movedMs = performance.now();
  let written = 0;
  let takesMore = true;
  while (delivery.at < parts.length && (takesMore || written < httpLimits.answerStretchBytes)) {
    const part = parts[delivery.at] as Buffer;
    const stretch = part.subarray(delivery.offset, delivery.offset + httpLimits.answerStretchBytes);
    takesMore = res.write(stretch);
    written += stretch.length;
    delivery.offset += stretch.length;
    if (delivery.offset < part.length) continue;
    delivery.at += 1;
    delivery.offset = 0;
  }
  if (delivery.at === parts.length) res.end();
}
