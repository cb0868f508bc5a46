import { pause } from '../support/pause.ts';
import { clockLimits } from './clock-limits.ts';
import { saying, skewWords } from './clock-words.ts';
import {
  areTogether,
  type Heard,
  missingTo,
  ServerTimes,
  type TimeSource,
} from './server-times.ts';

/** The state of the clocks, for `/readyz`. */
export interface ClockStatus {
  /**
   * `agrees`: service time agrees with every server that reports its time. `contradicted`: the
   * servers contradict each other. `differs`: all servers have another time. `unknown`: no server
   * has reported its time for a minute.
   */
  readonly state: 'agrees' | 'contradicted' | 'differs' | 'unknown';
  /** How far this machine's clock is ahead of the service's time, in seconds; negative: behind. */
  readonly skewSeconds: number;
  /** A message for the operator when a clock must be corrected. */
  readonly detail?: string;
}

/** The time for commands and processes, in whole milliseconds since the epoch. */
export interface Clock {
  /** The time that is written: when a hold ends, when money was charged. Never goes back. */
  readonly now: () => number;
  /** The earliest possible time, at most `now`. It decides whether a hold is over. */
  readonly earliest: () => number;
}

/** The difference from the monotonic clock, and its change until a given time. */
interface Offset {
  readonly ms: number;
  readonly atMs: number;
  /** Milliseconds in a millisecond, until `untilMs`. */
  readonly rate: number;
  readonly untilMs: number;
}

export interface ServiceClockOptions {
  /** The clock follows the first source that agrees. So all instances follow the same one. */
  readonly sources: readonly TimeSource[];
  /** How long the longest hold lasts. */
  readonly holdMs: number;
  /** Called once for each new `detail` of `status`; undefined when the clocks agree again. */
  readonly tell: (detail: string | undefined) => void;
  /** Default `performance.now`. */
  readonly monotonic?: () => number;
  /** Default `Date.now`. */
  readonly wall?: () => number;
}

/**
 * One time for all instances of a service, independent of the clocks of their machines: the
 * monotonic clock of this process plus the measured difference from the servers' time. So a step of
 * this machine's clock does not change it, and it does not follow a single server that steps away
 * from the others. See docs/adr/0030-clocks.md.
 */
export class ServiceClock implements Clock {
  readonly now = (): number => Math.floor(this.#monotonic() + this.#offsetNow());
  readonly earliest = (): number => {
    const ms = this.#monotonic();
    return Math.floor(ms + Math.min(this.#offsetNow(), this.#olderOffset(ms), this.#doubtOffset));
  };
  /** A clock that never steps, even if the servers step. It is for data of this process only. */
  readonly steady = (): number => Math.floor(this.#monotonic() + this.#steadyOffset);
  /**
   * The latest possible time of a source's clock, by its last answer; `now` if it never answered.
   * Times in rows are compared with the clock that made them.
   * @param name the source's name
   */
  readonly timeOf = (name: string): number =>
    Math.floor(this.#monotonic() + (this.#servers.last(name)?.low ?? this.#offsetNow()));
  readonly #options: ServiceClockOptions;
  readonly #monotonic: () => number;
  readonly #wall: () => number;
  readonly #servers: ServerTimes;
  #offset: Offset;
  #steadyOffset: number;
  /** The difference before the last step, as long as holds from that time may be open. */
  #older: { readonly offsetMs: number; readonly untilMs: number } | undefined;
  /**
   * The difference of the server that is furthest behind, while it is unknown which server is
   * right.
   */
  #doubtOffset = Number.POSITIVE_INFINITY;
  /**
   * Have two servers and this clock agreed before? If so, a server that later has a different time
   * has stepped.
   */
  #haveAgreed = false;
  #laterRounds = 0;
  #state: ClockStatus['state'] = 'unknown';
  #words: string | undefined;
  #told: string | undefined;

  constructor(options: ServiceClockOptions) {
    this.#options = options;
    this.#monotonic = options.monotonic ?? (() => performance.now());
    this.#wall = options.wall ?? Date.now;
    this.#servers = new ServerTimes(options.sources, this.#monotonic);
    this.#offset = this.#still(this.#wall() - this.#monotonic());
    this.#steadyOffset = this.#offset.ms;
  }

  /**
   * Asks the servers for the first time, and uses their answers.
   * @throws Error if no server reports its time
   */
  async start(): Promise<void> {
    await this.#servers.ask(clockLimits.firstAskMs);
    const [first] = this.#servers.usable();
    if (first === undefined) throw new Error('no server says what the time is');
    this.#offset = this.#still((first.low + first.high) / 2);
    this.#steadyOffset = this.#offset.ms;
    this.#judge();
  }

  /** Measures until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await pause(clockLimits.measureMs, signal);
      if (!signal.aborted) await this.measure();
    }
  }

  /** One round of questions. */
  async measure(): Promise<void> {
    await this.#servers.ask(clockLimits.askMs);
    this.#judge();
  }

  status(): ClockStatus {
    const skewMs = this.#wall() - this.now();
    const detail = [this.#words, skewWords(skewMs)].filter((words) => words !== undefined);
    return {
      state: this.#state,
      skewSeconds: Math.round(skewMs) / 1_000,
      ...(detail.length === 0 ? {} : { detail: detail.join('; ') }),
    };
  }

  #judge(): void {
    const usable = this.#servers.usable();
    const ms = this.#offsetNow();
    const others = usable.filter((heard) => Math.abs(missingTo(heard, ms)) > clockLimits.agreeMs);
    const [followed] = usable.filter((heard) => !others.includes(heard));
    const isUnanimous = areTogether(usable);
    this.#doubtOffset = Number.POSITIVE_INFINITY;
    this.#words = undefined;
    if (usable.length === 0) {
      this.#state = 'unknown';
      this.#words = 'no server has said the time for a minute: it goes by what they said before';
    } else if (followed !== undefined && (others.length === 0 || isUnanimous)) {
      this.#state = 'agrees';
      if (usable.length > 1) this.#haveAgreed = true;
      this.#slewTo(followed);
    } else if (isUnanimous) {
      this.#state = 'differs';
      this.#words = `${saying(usable, ms)} than this service, which goes on by its own time`;
    } else {
      this.#state = 'contradicted';
      if (followed !== undefined) this.#slewTo(followed);
      if (!this.#haveAgreed) this.#doubtOffset = Math.min(...usable.map(({ high }) => high));
      this.#words = `the servers contradict each other: ${saying(others, ms)} than ${followed?.name ?? 'this service'}`;
    }
    if (this.#state === 'differs') this.#followUnanimous(usable, ms);
    else this.#laterRounds = 0;
    this.#tell();
  }

  /**
   * All servers have a different time. If it is later, this process was suspended, or somebody set
   * all servers forward. Then new events use their time, and earlier holds keep their end. A single
   * server is not followed when another one reported a different time before. If their time is
   * earlier, this clock runs a little slower until they agree.
   */
  #followUnanimous(usable: readonly Heard[], ms: number): void {
    const [first] = usable;
    if (first === undefined || usable.length < Math.min(2, this.#servers.heardCount)) return;
    if (first.low <= ms) {
      this.#laterRounds = 0;
      this.#slewTo(first);
      return;
    }
    this.#laterRounds += 1;
    if (this.#laterRounds < clockLimits.laterRounds) return;
    this.#laterRounds = 0;
    const atMs = this.#monotonic();
    const untilMs = atMs + this.#options.holdMs + clockLimits.marginMs;
    this.#older = { offsetMs: Math.min(ms, this.#olderOffset(atMs)), untilMs };
    this.#offset = this.#still((first.low + first.high) / 2);
    this.#state = 'agrees';
    this.#words = undefined;
  }

  #slewTo(heard: Heard): void {
    const ms = this.#offsetNow();
    const missing = missingTo(heard, ms);
    const rate = (Math.sign(missing) * clockLimits.slewMs) / 1_000;
    const atMs = this.#monotonic();
    const tookMs = missing === 0 ? 0 : missing / rate;
    this.#offset = { ms, atMs, rate, untilMs: atMs + tookMs };
  }

  #offsetNow(): number {
    const { ms, atMs, rate, untilMs } = this.#offset;
    return ms + rate * (Math.min(this.#monotonic(), untilMs) - atMs);
  }

  #olderOffset(atMs: number): number {
    return this.#older !== undefined && atMs < this.#older.untilMs
      ? this.#older.offsetMs
      : Number.POSITIVE_INFINITY;
  }

  #still(ms: number): Offset {
    const atMs = this.#monotonic();
    return { ms, atMs, rate: 0, untilMs: atMs };
  }

  /** Reports each problem once, even if its numbers change. */
  #tell(): void {
    const { detail } = this.status();
    const what = detail?.replaceAll(/[\d.]+ s/g, '');
    if (what === this.#told) return;
    this.#told = what;
    this.#options.tell(detail);
  }
}
