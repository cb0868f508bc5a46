import type { RedisClient } from '../infrastructure/redis.ts';
import { luaScript, RedisCalls } from '../shared-state/redis-calls.ts';
import { admittedPlace, endsMax, rateWindowMs, waitingPlace } from './place.ts';
import { newToken, tokenDigest, tokenLength } from './token.ts';
import {
  type Authorization,
  type Place,
  QueueFull,
  type QueueSettings,
  type WaitingQueue,
} from './waiting-queue.ts';

/** What `lua/poll.lua` replies. */
type PollReply =
  | ['full']
  | ['admitted' | 'waiting', string, number, number, number, number, number, number];

type Argument = string | number;

/** The scripts as `defineCommand` adds them to the client. */
interface Scripts {
  reprisePoll(...args: Argument[]): Promise<PollReply>;
  repriseAuthorize(...args: Argument[]): Promise<Authorization>;
  repriseShorten(...args: Argument[]): Promise<number>;
}

export interface RedisQueueOptions {
  /** Names the queue's keys, `{name}:…`, which hash to one slot of a cluster. Default `reprise:queue`. */
  readonly name?: string;
  /** For tests: milliseconds since the epoch. Default: the clock of Redis, one for all instances. */
  readonly now?: () => number;
}

/**
 * The waiting queue in Redis 7 or Redis Cluster, for any number of service processes. Each call is one
 * Lua script. Redis must not evict (`maxmemory-policy noeviction`); emptied, it makes buyers enrol again.
 * Owns the client: `close` closes it.
 */
export class RedisQueue implements WaitingQueue {
  readonly #redis: RedisClient & Scripts;
  readonly #calls = new RedisCalls();
  readonly #settings: QueueSettings;
  readonly #now: () => Argument;
  readonly #keys: Record<
    'waiting' | 'seen' | 'admitted' | 'used' | 'tokens' | 'owners' | 'counters' | 'probe',
    string
  >;

  constructor(redis: RedisClient, settings: QueueSettings, options: RedisQueueOptions = {}) {
    const tag = `{${options.name ?? 'reprise:queue'}}`;
    this.#settings = settings;
    this.#now = options.now ?? (() => '');
    this.#keys = {
      waiting: `${tag}:waiting`,
      seen: `${tag}:seen`,
      admitted: `${tag}:admitted`,
      used: `${tag}:used`,
      tokens: `${tag}:tokens`,
      owners: `${tag}:owners`,
      counters: `${tag}:counters`,
      probe: `${tag}:probe`,
    };
    redis.defineCommand('reprisePoll', {
      numberOfKeys: 7,
      lua: luaScript('poll', import.meta.url),
    });
    redis.defineCommand('repriseAuthorize', {
      numberOfKeys: 5,
      lua: luaScript('authorize', import.meta.url),
    });
    redis.defineCommand('repriseShorten', {
      numberOfKeys: 1,
      lua: luaScript('shorten', import.meta.url),
    });
    this.#redis = redis as RedisClient & Scripts;
  }

  async poll(userId: string): Promise<Place> {
    const { waiting, seen, admitted, used, tokens, owners, counters } = this.#keys;
    const { admittedMax, waitingMax, admittedMs, waitingMs, polledMs } = this.#settings;
    const fresh = newToken();
    const reply = await this.#calls.ask(() =>
      this.#redis.reprisePoll(
        ...[waiting, seen, admitted, used, tokens, owners, counters],
        ...[userId, fresh, tokenDigest(fresh), this.#now()],
        ...[admittedMax, waitingMax, admittedMs, waitingMs, endsMax, rateWindowMs, polledMs],
      ),
    );
    if (reply[0] === 'full') throw new QueueFull();
    const [state, token, ahead, expiresAt, now, window, current, previous] = reply;
    if (state === 'admitted') return admittedPlace(userId, token, expiresAt);
    const standing = { userId, token, ahead, expiresAt, now };
    return waitingPlace(this.#settings, standing, { window, current, previous });
  }

  async authorize(userId: string, token: string): Promise<Authorization> {
    if (token.length !== tokenLength) return 'unknown';
    const { seen, admitted, used, tokens, owners } = this.#keys;
    const { admittedMs, polledMs } = this.#settings;
    return this.#calls.ask(() =>
      this.#redis.repriseAuthorize(
        ...[seen, admitted, used, tokens, owners],
        ...[userId, tokenDigest(token), this.#now(), admittedMs, polledMs],
      ),
    );
  }

  async shorten(userId: string): Promise<void> {
    await this.#calls.ask(() =>
      this.#redis.repriseShorten(
        ...[this.#keys.admitted, userId, this.#now(), this.#settings.afterPaymentMs],
      ),
    );
  }

  async reachable(timeoutMs: number): Promise<boolean> {
    try {
      // A write, which a replica refuses; one that takes no memory, and changes nothing.
      await this.#calls.ask(() => this.#redis.del(this.#keys.probe), timeoutMs);
      return true;
    } catch {
      return false;
    }
  }

  async close(): Promise<void> {
    this.#redis.disconnect();
  }
}
