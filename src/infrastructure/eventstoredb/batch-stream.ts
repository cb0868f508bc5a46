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
 * Many appends over one gRPC stream. It stands where the client's own `appendToStream` would:
 * that one keeps the pending appends of all clients in one module-wide map, so that one broken
 * stream rejects them all and the next answer on another stream throws inside a listener and ends
 * the process; it leaves unhandled rejections when a stream breaks while messages wait to be
 * written; and it never gives up on a silent server. Here each stream knows its own appends and
 * each append has its time.
 */
export class BatchStream {
  readonly #call: BatchCall;
  readonly #silenceMs: number;
  readonly #onBroken: (error: unknown) => void;
  readonly #pending = new Map<number, Pending>();
  /**
   * Correlation ids are UUIDs: ten random bytes for the stream, then the append's number in six.
   */
  readonly #idPrefix = correlationPrefix();
  #sent = 0;
  /** Since when the server owes an answer and has said nothing. */
  #owedSinceMs: number | undefined;
  #broken: { readonly error: unknown } | undefined;

  /**
   * @param silenceMs the stream is broken when the server owes answers and says nothing for this
   * long
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

  /** Sends one append. Rejects with NoAnswer after `timeoutMs`, or with what broke the stream. */
  send(append: Uint8Array, timeoutMs: number): Promise<BatchAnswer> {
    return new Promise((resolve, reject) => {
      if (this.#broken !== undefined) return reject(this.#broken.error);
      this.#sent += 1;
      const number = this.#sent;
      // After a pause of this very process, an answer that waits in the socket is read before the
      // time is called over.
      const timer = setTimeout(
        () => setImmediate(() => this.#timedOut(number, timeoutMs)),
        timeoutMs,
      );
      this.#pending.set(number, { resolve, reject, timer });
      this.#owedSinceMs ??= performance.now();
      const id = this.#idPrefix + number.toString(16).padStart(12, '0');
      // What the socket cannot take yet waits in the stream: at most the pending appends, and not
      // longer than the silence allowed.
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
    if (pending === undefined) return; // came after its time; the append was or will be sent again
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
