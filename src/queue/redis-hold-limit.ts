import { type Claim, claimsMax, type Holder, type HoldLimit } from '../commands/hold-limit.ts';
import type { RedisClient } from '../infrastructure/redis.ts';
import { luaScript, RedisCalls } from './redis-calls.ts';

type Argument = string | number;

/** The scripts as `defineCommand` adds them to the client. */
interface Scripts {
  repriseTakeSeats(...args: Argument[]): Promise<number>;
  repriseWithdrawClaim(...args: Argument[]): Promise<number>;
  repriseEndClaims(...args: Argument[]): Promise<number>;
}

export interface RedisHoldLimitOptions {
  /** Names the keys, `name:{sessionId:userId}`: one a holder, spread over the slots of a cluster. Default `reprise:held`. */
  readonly name?: string;
  /** For tests: milliseconds since the epoch. Default: the clock of Redis, one for all instances. */
  readonly now?: () => number;
}

/**
 * The limit in Redis 7 or Redis Cluster, for any number of service processes. Each call is one Lua script on one key,
 * which Redis removes by itself when its last claim has ended. Emptied, it counts anew.
 */
export class RedisHoldLimit implements HoldLimit {
  readonly #redis: RedisClient & Scripts;
  readonly #calls = new RedisCalls();
  readonly #heldMax: number;
  readonly #name: string;
  readonly #now: () => Argument;

  /**
   * @param redis stays its giver's, who closes it
   * @param heldMax seats of one session that a user may hold at once
   */
  constructor(redis: RedisClient, heldMax: number, options: RedisHoldLimitOptions = {}) {
    redis.defineCommand('repriseTakeSeats', { numberOfKeys: 1, lua: luaScript('take-seats') });
    redis.defineCommand('repriseWithdrawClaim', {
      numberOfKeys: 1,
      lua: luaScript('withdraw-claim'),
    });
    redis.defineCommand('repriseEndClaims', { numberOfKeys: 1, lua: luaScript('end-claims') });
    this.#redis = redis as RedisClient & Scripts;
    this.#heldMax = heldMax;
    this.#name = options.name ?? 'reprise:held';
    this.#now = options.now ?? (() => '');
  }

  async take(holder: Holder, { id, seatIds, untilMs }: Claim): Promise<boolean> {
    const counts = await this.#calls.ask(() =>
      this.#redis.repriseTakeSeats(
        ...[this.#key(holder), id, untilMs, this.#now(), this.#heldMax, claimsMax],
        ...seatIds,
      ),
    );
    return counts === 1;
  }

  async withdraw(holder: Holder, { id, seatIds }: Pick<Claim, 'id' | 'seatIds'>): Promise<void> {
    await this.#calls.ask(() =>
      this.#redis.repriseWithdrawClaim(this.#key(holder), id, ...seatIds),
    );
  }

  async end(holder: Holder, seatIds: readonly string[], untilMs: number): Promise<void> {
    await this.#calls.ask(() =>
      this.#redis.repriseEndClaims(this.#key(holder), untilMs, ...seatIds),
    );
  }

  #key({ sessionId, userId }: Holder): string {
    return `${this.#name}:{${sessionId}:${userId}}`;
  }
}
