import {
  claimsMax,
  type Excess,
  type FairUse,
  type Holder,
  type HoldLimit,
  type HowEnded,
  payingMs,
  type SeatClaim,
} from '../commands/hold-limit/hold-limit.ts';
import type { RedisClient } from '../infrastructure/redis.ts';
import { type HoldRules, holdRules, maxOf } from './hold-rules.ts';
import { luaScript, RedisCalls } from './redis-calls.ts';

type Argument = string | number;

/** The scripts as `defineCommand` adds them to the client. */
interface Scripts {
  repriseTakeSeats(
    ...args: Argument[]
  ): Promise<readonly [1] | readonly [0, Excess['rule'], number, string]>;
  repriseWithdrawClaim(...args: Argument[]): Promise<number>;
  repriseEndClaims(...args: Argument[]): Promise<number>;
}

export interface RedisHoldLimitOptions {
  /**
   * The first part of the keys, `name:{userId}`. Each user has one key, so the keys are in all
   * slots of a cluster. Default `reprise:claims`.
   */
  readonly name?: string;
  /**
   * The clock that decides when holds end, in whole milliseconds since the epoch. Default: the
   * clock of Redis.
   */
  readonly now?: () => number;
}

/**
 * The limit in Redis 7 or Redis Cluster, for any number of service processes. Each call is one Lua
 * script on one key. Redis removes the key itself when its last claim no longer counts. If Redis
 * loses its data, the count starts again.
 */
export class RedisHoldLimit implements HoldLimit {
  readonly #redis: RedisClient & Scripts;
  readonly #calls = new RedisCalls();
  readonly #rules: HoldRules;
  readonly #name: string;
  readonly #now: () => Argument;

  /**
   * @param redis the caller owns it and closes it
   * @param rules a number is the limit of seats of one session that a user may hold at the same
   * time; then there is no other rule
   */
  constructor(redis: RedisClient, rules: FairUse | number, options: RedisHoldLimitOptions = {}) {
    redis.defineCommand('repriseTakeSeats', {
      numberOfKeys: 1,
      lua: luaScript('take-seats', import.meta.url),
    });
    redis.defineCommand('repriseWithdrawClaim', {
      numberOfKeys: 1,
      lua: luaScript('withdraw-claim', import.meta.url),
    });
    redis.defineCommand('repriseEndClaims', {
      numberOfKeys: 1,
      lua: luaScript('end-claims', import.meta.url),
    });
    this.#redis = redis as RedisClient & Scripts;
    this.#rules = holdRules(rules);
    this.#name = options.name ?? 'reprise:claims';
    this.#now = options.now ?? (() => '');
  }

  async take(
    { userId, sessionId }: Holder,
    { id, seatIds, untilMs }: SeatClaim,
    bought: readonly string[] = [],
  ): Promise<true | Excess> {
    const { heldMax, heldTotalMax, boughtMax, holdMs, againMs } = this.#rules;
    const rules = [heldMax, heldTotalMax, boughtMax, holdMs, againMs, claimsMax, payingMs];
    const answer = await this.#calls.ask(() =>
      this.#redis.repriseTakeSeats(
        ...[this.#key(userId), id, sessionId, untilMs, this.#now(), ...rules],
        ...[seatIds.length, ...seatIds, ...(boughtMax >= 0 ? bought : [])],
      ),
    );
    if (answer[0] === 1) return true;
    const [, rule, ms, seatId] = answer;
    const retryMs = ms < 0 ? undefined : ms;
    return { rule, max: maxOf(this.#rules, rule), retryMs, ...(seatId !== '' && { seatId }) };
  }

  async withdraw(
    { userId, sessionId }: Holder,
    { id, seatIds }: Pick<SeatClaim, 'id' | 'seatIds'>,
  ): Promise<void> {
    await this.#calls.ask(() =>
      this.#redis.repriseWithdrawClaim(this.#key(userId), id, sessionId, ...seatIds),
    );
  }

  async end(
    { userId, sessionId }: Holder,
    seatIds: readonly string[],
    untilMs: number,
    how: HowEnded,
  ): Promise<void> {
    const { againMs, soldMs } = this.#rules;
    await this.#calls.ask(() =>
      this.#redis.repriseEndClaims(
        ...[this.#key(userId), sessionId, untilMs, how, this.#now(), againMs, soldMs],
        ...seatIds,
      ),
    );
  }

  #key(userId: string): string {
    return `${this.#name}:{${userId}}`;
  }
}
