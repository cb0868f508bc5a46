import { valueWithin } from '../support/time-limit.ts';
import { clockLimits } from './clock-limits.ts';

/**
 * What a server's clock said at a moment between two of this process's monotonic clock. All in
 * milliseconds.
 */
export interface TimeSample {
  readonly serverMs: number;
  readonly fromMs: number;
  readonly toMs: number;
}

/** A server that says the time. */
export interface TimeSource {
  readonly name: string;
  /** Undefined when it does not say. May throw, too. */
  ask(): Promise<TimeSample | undefined>;
}

/**
 * A server's time from its last answer: bounds of the difference from the monotonic clock, in
 * milliseconds.
 */
export interface Heard {
  readonly name: string;
  readonly low: number;
  readonly high: number;
  /** When that was, by the monotonic clock. */
  readonly atMs: number;
}

/** Asks servers for their time, and keeps what each of them said last. */
export class ServerTimes {
  readonly #sources: readonly TimeSource[];
  readonly #monotonic: () => number;
  readonly #heard = new Map<string, Heard>();

  constructor(sources: readonly TimeSource[], monotonic: () => number) {
    this.#sources = sources;
    this.#monotonic = monotonic;
  }

  /** How many have ever said the time. */
  get heardCount(): number {
    return this.#heard.size;
  }

  /** What one said last, however long ago. */
  last(name: string): Heard | undefined {
    return this.#heard.get(name);
  }

  /** Asks all of them. One that does not answer in time is left out. */
  async ask(timeoutMs: number): Promise<void> {
    const asked = this.#sources.map(async ({ name, ask }) => {
      const sample = await valueWithin(timeoutMs, ask());
      if (sample === undefined) return;
      const { serverMs, fromMs, toMs } = sample;
      const heard = { name, low: serverMs - toMs, high: serverMs - fromMs, atMs: toMs };
      this.#heard.set(name, heard);
    });
    await Promise.all(asked);
  }

  /** What counts still, in the order of the sources. */
  usable(): readonly Heard[] {
    const since = this.#monotonic() - clockLimits.freshMs;
    return this.#sources.flatMap(({ name }) => {
      const heard = this.#heard.get(name);
      return heard !== undefined && heard.atMs >= since ? [heard] : [];
    });
  }
}

/** What a time lacks to what a server may have said; negative: it is ahead. */
export const missingTo = ({ low, high }: Heard, ms: number): number =>
  ms < low ? low - ms : ms > high ? high - ms : 0;

/** Whether they may all have the same time, as far as the bounds show. */
export const areTogether = (all: readonly Heard[]): boolean =>
  Math.max(...all.map(({ low }) => low)) - Math.min(...all.map(({ high }) => high)) <=
  clockLimits.agreeMs;
