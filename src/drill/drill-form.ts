import type { Site, SiteOptions } from './site.ts';

/** What a drill may cost, in seconds. What no drill may: see `missedBounds`. */
export interface Bounds {
  /** From the end of the fault until buyers can pay again. */
  readonly recoverAfterFaultMax: number;
  /** The slowest answer to a buyer: the service answers within 5 s, and there is the way. */
  readonly slowestMax: number;
}

/** What a drill does its work with. */
export interface Hands {
  readonly site: Site;
  readonly buyers: number;
  /** Does something, and notes it in the journal. @throws what it throws */
  act<T>(name: string, work: () => T | Promise<T>): Promise<T>;
  /** The fault begins with the next thing that is done. */
  fault(): void;
  /** The fault is over, or the service must live with it from now on. */
  over(): void;
  /** Reservations that a restore knows to be lost, or to be less than they were. */
  reconciled(reservations: readonly string[]): void;
}

export interface Drill {
  readonly name: string;
  readonly about: string;
  /** What the service does by design. */
  readonly expected: string;
  /** For everybody, in each language. */
  readonly public: { readonly en: string; readonly ko: string };
  readonly bounds: Bounds;
  /** A rule of the alarm that must ring for it. */
  readonly rings?: string;
  readonly site: SiteOptions;
  /** Needs a Redis, which is started where `redis-server` is installed. */
  readonly needsRedis?: true;
  /** @returns why this machine cannot do it */
  readonly skip?: () => string | undefined;
  /** Before the load begins: what the drill watches or needs. */
  prepare?(hands: Hands): Promise<void>;
  /** Causes the fault, keeps it for its time, ends it. */
  method(hands: Hands): Promise<void>;
  /** Always done, in the end: nothing of the fault is left. */
  rollback?(hands: Hands): Promise<void>;
}

/** Usual bounds: the service is back by itself. */
export const usualBounds: Bounds = { recoverAfterFaultMax: 30, slowestMax: 7 };
