import type { Site, SiteOptions } from './site.ts';

/** The limits of a drill, in seconds. `missedBounds` has the limits of every drill. */
export interface Bounds {
  /** The time from the end of the fault until buyers can pay again. */
  readonly recoverAfterFaultMax: number;
  /**
   * The slowest answer to a buyer. The service answers within 5 s, and the network needs some time.
   */
  readonly slowestMax: number;
  /** Requests without a good answer, from the fault on. */
  readonly failedMax?: number;
  /** The longest time in which no buyer of one of the services could pay. */
  readonly withoutPurchaseMax?: number;
  /** From the end of the fault until every service is ready, and stays ready. */
  readonly readyMax?: number;
}

/** The tools of a drill. */
export interface Hands {
  readonly site: Site;
  readonly buyers: number;
  /**
   * Runs `work`, and notes it in the journal.
   * @throws the error of `work`
   */
  act<T>(name: string, work: () => T | Promise<T>): Promise<T>;
  /** The fault begins with the next action. */
  fault(): void;
  /** The fault is over, or it stays and the service must work with it. */
  over(): void;
  /** Notes the reservations that a restore reports as lost or changed. */
  reconciled(reservations: readonly string[]): void;
}

export interface Drill {
  readonly name: string;
  readonly about: string;
  /** The designed behaviour of the service. */
  readonly expected: string;
  /** The text for everybody, in each language. */
  readonly public: { readonly en: string; readonly ko: string };
  readonly bounds: Bounds;
  /** A rule of the alarm that must fire. Without one, the drill is in `withoutAlarm`. */
  readonly rings?: string;
  readonly site: SiteOptions;
  /** True if the drill needs a Redis. It is started if `redis-server` is installed. */
  readonly needsRedis?: true;
  /** @returns why this machine cannot run the drill */
  readonly skip?: () => string | undefined | Promise<string | undefined>;
  /** Called before the load begins. Prepares everything that the drill needs. */
  prepare?(hands: Hands): Promise<void>;
  /** Causes the fault, keeps it for some time, and ends it. */
  method(hands: Hands): Promise<void>;
  /** Always called at the end. Afterwards nothing of the fault is left. */
  rollback?(hands: Hands): Promise<void>;
}

/** Usual bounds, if the service recovers by itself. */
export const usualBounds: Bounds = { recoverAfterFaultMax: 30, slowestMax: 7 };
