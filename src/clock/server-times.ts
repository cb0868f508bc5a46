import { valueWithin } from '../support/time-limit.ts';
import { clockLimits } from './clock-limits.ts';

/**
 * A server's time, at a moment between two times of this process's monotonic clock. All in
 * milliseconds.
 */
export interface TimeSample {
  readonly serverMs: number;
  readonly fromMs: number;
  readonly toMs: number;
}

/** A server that reports its time. */
export interface TimeSource {
  readonly name: string;
  /** Undefined if the server does not report its time. May also throw. */
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
  /** The time of the answer, by the monotonic clock. */
  readonly atMs: number;
}

/** Asks servers for their time, and keeps the last answer of each. */
export class ServerTimes {
  readonly #sources: readonly TimeSource[];
  readonly #monotonic: () => number;
  readonly #heard = new Map<string, Heard>();

  constructor(sources: readonly TimeSource[], monotonic: () => number) {
    this.#sources = sources;
    this.#monotonic = monotonic;
  }

  /** The number of servers that have ever reported their time. */
  get heardCount(): number {
    return this.#heard.size;
  }

  /** The last answer of a server, of any age. */
  last(name: string): Heard | undefined {
    return this.#heard.get(name);
  }

  /** Asks all servers. A server that does not answer in time is left out. */
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

  /** The answers that still count, in the order of the sources. */
  usable(): readonly Heard[] {
    const since = this.#monotonic() - clockLimits.freshMs;
    return this.#sources.flatMap(({ name }) => {
      const heard = this.#heard.get(name);
      return heard !== undefined && heard.atMs >= since ? [heard] : [];
    });
  }
}

/** How far a time is behind the range of a server's possible time. Negative if it is ahead. */
export const missingTo = ({ low, high }: Heard, ms: number): number =>
  ms < low ? low - ms : ms > high ? high - ms : 0;

/** Can all of them have the same time, within the bounds? */
export const areTogether = (all: readonly Heard[]): boolean =>
  Math.max(...all.map(({ low }) => low)) - Math.min(...all.map(({ high }) => high)) <=
  clockLimits.agreeMs;
