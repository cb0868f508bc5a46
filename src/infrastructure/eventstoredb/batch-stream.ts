import { randomBytes } from 'node:crypto';
import { type BatchAnswer, withCorrelation } from './append-messages.ts';
import type { BatchCall } from './connection.ts';
import { NoAnswer } from './failures.ts';

interface Pending {
  readonly resolve: (answer: BatchAnswer) => void;
  readonly reject: (error: unknown) => void;
  readonly timer: NodeJS.Timeout;
}

/**
 * Many appends over one gRPC stream. It replaces the client's own `appendToStream`, which has three
 * faults. First, it keeps the pending appends of all clients in one map of the module. So one
 * broken stream rejects all of them, and the next answer on another stream throws inside a listener
 * and ends the process. Second, it leaves unhandled rejections if a stream breaks while messages
 * wait. Third, it waits for a silent server without a limit. Here each stream knows its own
 * appends, and each append has a time limit.
 */
export class BatchStream {
  readonly #call: BatchCall;
  readonly #silenceMs: number;
  readonly #onBroken: (error: unknown) => void;
  readonly #pending = new Map<number, Pending>();
  /**
   * Correlation ids are UUIDs: ten random bytes for the stream, then six bytes for the append's
   * number.
   */
  readonly #idPrefix = correlationPrefix();
  #sent = 0;
  /** The time since when the server must answer but is silent. */
  #owedSinceMs: number | undefined;
  #broken: { readonly error: unknown } | undefined;

  /**
   * @param silenceMs if answers are due and the server is silent for this long, the stream counts
   * as broken
   * @param onBroken called once, after every pending append was rejected with the same error
   */
  constructor(call: BatchCall, silenceMs: number, onBroken: (error: unknown) => void) {
    this.#call = call;
    this.#silenceMs = silenceMs;
    this.#onBroken = onBroken;
    call.on('data', (answer: BatchAnswer) => this.#answered(answer));
    call.on('error', (error) => this.break(error));
    call.on('end', () => this.break(new NoAnswer('the store ended the append stream')));
  }

  /** Appends that wait for their answer. */
  get pending(): number {
    return this.#pending.size;
  }

  /** Sends one append. Rejects with NoAnswer after `timeoutMs`, or with the error of the stream. */
  send(append: Uint8Array, timeoutMs: number): Promise<BatchAnswer> {
    return new Promise((resolve, reject) => {
      if (this.#broken !== undefined) return reject(this.#broken.error);
      this.#sent += 1;
      const number = this.#sent;
      // This process itself may have been paused. Therefore an answer in the socket is read before
      // the time counts as over.
      const timer = setTimeout(
        () => setImmediate(() => this.#timedOut(number, timeoutMs)),
        timeoutMs,
      );
      this.#pending.set(number, { resolve, reject, timer });
      this.#owedSinceMs ??= performance.now();
      const id = this.#idPrefix + number.toString(16).padStart(12, '0');
      // Bytes that the socket does not accept yet wait in the stream. These are at most the pending
      // appends, for at most the allowed silence.
      this.#call.write(withCorrelation(id, append));
    });
  }

  /** Ends the stream; every pending append is rejected with this error. */
  break(error: unknown): void {
    if (this.#broken !== undefined) return;
    this.#broken = { error };
    this.#call.cancel();
    for (const { reject, timer } of this.#pending.values()) {
      clearTimeout(timer);
      reject(error);
    }
    this.#pending.clear();
    this.#onBroken(error);
  }

  #answered(answer: BatchAnswer): void {
    const { number } = answer;
    const pending = number === undefined ? undefined : this.#pending.get(number);
    if (number !== undefined) this.#pending.delete(number);
    this.#owedSinceMs = this.#pending.size > 0 ? performance.now() : undefined;
    if (pending === undefined) return; // too late: the append is sent again
    clearTimeout(pending.timer);
    pending.resolve(answer);
  }

  #timedOut(number: number, timeoutMs: number): void {
    const pending = this.#pending.get(number);
    if (pending === undefined) return;
    this.#pending.delete(number);
    pending.reject(new NoAnswer(`the store gave no answer in ${Math.round(timeoutMs)} ms`));
    const silentMs = performance.now() - (this.#owedSinceMs ?? Number.POSITIVE_INFINITY);
    // A timer may fire a fraction of a millisecond before its time.
    if (silentMs >= this.#silenceMs - 2) this.break(new NoAnswer('the append stream is silent'));
  }
}

function correlationPrefix(): string {
  const hex = randomBytes(10).toString('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-a${hex.slice(17, 20)}-`;
}
