import type { RedisClient } from '../infrastructure/redis.ts';
import { type OwnPositions, ownPositionMs } from './own-positions.ts';
import { luaScript, RedisCalls } from './redis-calls.ts';

/**
 * Longest time that a query waits for Redis, in milliseconds. After it, the service asks the log
 * instead.
 */
const answerMsMax = 300;

/**
 * Longest time that a command waits for Redis, in milliseconds. The other instances get the
 * position only from Redis.
 */
const noteMsMax = 2_000;

type Argument = string | number;

interface Scripts {
  repriseNotePosition(...args: Argument[]): Promise<number>;
  repriseOwnPosition(...args: Argument[]): Promise<string>;
}

export interface RedisOwnPositionsOptions {
  /** Names the keys, `{name}:…`, which hash to one slot of a cluster. Default `reprise:own`. */
  readonly name?: string;
  /** Default `ownPositionMs`. */
  readonly keptMs?: number;
}

/**
 * Own positions in Redis, for any number of service processes: one script per command and one per
 * query. After Redis has lost its data, users without a position are `unknown` for as long as
 * positions are kept. After this process could not note a position, all users are `unknown` for the
 * same time.
 */
export class RedisOwnPositions implements OwnPositions {
  readonly #redis: RedisClient & Scripts;
  readonly #calls = new RedisCalls();
  readonly #tag: string;
  readonly #keptMs: number;
  /** The number of positions that could not be noted and that Redis does not know about. */
  #missed = 0;

  /** @param redis the caller owns it and closes it */
  constructor(redis: RedisClient, options: RedisOwnPositionsOptions = {}) {
    redis.defineCommand('repriseNotePosition', {
      numberOfKeys: 2,
      lua: luaScript('note-position', import.meta.url),
    });
    redis.defineCommand('repriseOwnPosition', {
      numberOfKeys: 3,
      lua: luaScript('own-position', import.meta.url),
    });
    this.#redis = redis as RedisClient & Scripts;
    this.#tag = `{${options.name ?? 'reprise:own'}}`;
    this.#keptMs = options.keptMs ?? ownPositionMs;
  }

  async note(userId: string, position: bigint): Promise<void> {
    const keys = [this.#key(userId), this.#missedKey];
    try {
      await this.#ask(noteMsMax, (missed) =>
        this.#redis.repriseNotePosition(...keys, String(position), this.#keptMs, missed),
      );
    } catch (error) {
      this.#missed += 1;
      throw error;
    }
  }

  async of(userId: string): Promise<bigint | 'unknown' | undefined> {
    const keys = [this.#key(userId), this.#missedKey, `${this.#tag}:since`];
    try {
      const reply = await this.#ask(answerMsMax, (missed) =>
        this.#redis.repriseOwnPosition(...keys, this.#keptMs, missed),
      );
      if (reply === 'unknown') return reply;
      return reply === 'none' ? undefined : BigInt(reply);
    } catch {
      return 'unknown';
    }
  }

  /**
   * One call within its time limit. It also reports the positions that this process could not note
   * before. If the call fails, the next one reports them.
   */
  async #ask<T>(timeoutMs: number, call: (missed: string) => Promise<T>): Promise<T> {
    const told = this.#missed;
    const reply = await this.#calls.ask(() => call(told > 0 ? '1' : ''), timeoutMs);
    if (this.#missed === told) this.#missed = 0;
    return reply;
  }

  #key(userId: string): string {
    return `${this.#tag}:of:${userId}`;
  }

  get #missedKey(): string {
    return `${this.#tag}:missed`;
  }
}
