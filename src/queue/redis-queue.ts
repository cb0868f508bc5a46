import type { RedisClient } from '../infrastructure/redis.ts';
import type { QueueUnavailable } from '../shared-state/queue-unavailable.ts';
import { luaScript, RedisCalls } from '../shared-state/redis-calls.ts';
import { paceOfScripts } from './pace.ts';
import { notSteered, type QueueControl } from './queue-control.ts';
import { admittedEntry, type QueueEntry, waitingEntry } from './queue-entry.ts';
import { newSecret, parseToken, tokenOf } from './token.ts';
import {
  type Authorization,
  type QueueCounts,
  QueueDraining,
  QueueFull,
  type QueueSettings,
  type WaitingQueue,
} from './waiting-queue.ts';

/** What `lua/poll.lua` and `lua/enrol.lua` reply. */
type Reply =
  | ['unknown']
  | ['full']
  | ['draining']
  | ['admitted', string, number]
  | ['waiting', string, number, number, number, string, number];

type Argument = string | number;

/** The scripts as `defineCommand` adds them to the client. */
interface Scripts {
  reprisePoll(...args: Argument[]): Promise<Reply>;
  repriseEnrol(...args: Argument[]): Promise<Reply>;
  repriseAuthorize(...args: Argument[]): Promise<Authorization>;
  repriseRenew(...args: Argument[]): Promise<number>;
  repriseShorten(...args: Argument[]): Promise<number>;
}

/** Served while Redis is full: what is asked by those who have a place. */
const allowedBeyondMemory = '#!lua flags=allow-oom\n';

const scripts = {
  reprisePoll: { file: 'poll', head: allowedBeyondMemory },
  repriseEnrol: { file: 'enrol', head: '#!lua\n' },
  repriseAuthorize: { file: 'authorize', head: allowedBeyondMemory },
  repriseRenew: { file: 'renew', head: allowedBeyondMemory },
  repriseShorten: { file: 'shorten', head: allowedBeyondMemory },
} as const satisfies Record<keyof Scripts, object>;

const keyNames = ['present', 'ends', 'waiting', 'admitted', 'places', 'counters'] as const;

export interface RedisQueueOptions {
  /** Names the queue's keys, `{name}:…`, which hash to one slot of a cluster. Default `reprise:queue`. */
  readonly name?: string;
  /** For tests: milliseconds since the epoch. Default: the clock of Redis, one for all instances. */
  readonly now?: () => number;
  /** From 0 to 1, for pauses. Default `Math.random`. */
  readonly chance?: () => number;
}

/**
 * The waiting queue in Redis 7 or Redis Cluster, for any number of service processes. Each call is one
 * Lua script, a newcomer's first poll two. Redis must not evict (`maxmemory-policy noeviction`); emptied, it makes
 * buyers enrol again; full, it takes no newcomers. Owns the client: `close` closes it.
 */
export class RedisQueue implements WaitingQueue {
  readonly #redis: RedisClient & Scripts;
  readonly #calls = new RedisCalls();
  readonly #settings: QueueSettings;
  #control = notSteered;
  /** The settings as the scripts have them, with how the queue is steered. */
  #told: string;
  readonly #now: () => Argument;
  readonly #chance: () => number;
  readonly #keys: readonly string[];
  readonly #holder: string;
  readonly #probe: string;

  constructor(redis: RedisClient, settings: QueueSettings, options: RedisQueueOptions = {}) {
    const tag = `{${options.name ?? 'reprise:queue'}}`;
    this.#settings = settings;
    this.#told = this.#toTell();
    this.#now = options.now ?? (() => '');
    this.#chance = options.chance ?? Math.random;
    this.#keys = keyNames.map((name) => `${tag}:${name}`);
    this.#holder = `${tag}:holder`;
    this.#probe = `${tag}:probe`;
    const common = luaScript('common', import.meta.url);
    for (const [name, { file, head }] of Object.entries(scripts)) {
      const lua = `${head}${common}\n${luaScript(file, import.meta.url)}`;
      redis.defineCommand(name, { numberOfKeys: keyNames.length + 1, lua });
    }
    this.#redis = redis as RedisClient & Scripts;
  }

  async poll(userId: string): Promise<QueueEntry> {
    const chance = String(this.#chance());
    const reply = await this.#ask('reprisePoll', userId, chance);
    return this.#entry(userId, reply[0] === 'unknown' ? await this.#enrol(userId, chance) : reply);
  }

  async authorize(userId: string, token: string): Promise<Authorization> {
    const parsed = parseToken(token);
    if (parsed === undefined) return 'unknown';
    return this.#ask('repriseAuthorize', parsed.userId, userId, parsed.secret);
  }

  async renew(userId: string, heldMs: number): Promise<void> {
    await this.#ask('repriseRenew', userId, Math.max(1, Math.ceil(heldMs)));
  }

  async shorten(userId: string): Promise<void> {
    await this.#ask('repriseShorten', userId);
  }

  steer(control: QueueControl): void {
    if (control.revision <= this.#control.revision) return;
    this.#control = control;
    this.#told = this.#toTell();
  }

  async counts(): Promise<QueueCounts> {
    const [present, , waiting, admitted] = this.#keys as [string, string, string, string];
    const redis = this.#redis;
    const all = () =>
      Promise.all([redis.hlen(waiting), redis.zcard(present), redis.zcard(admitted)]);
    const [waits, there, inside] = await this.#calls.ask(all);
    return { waiting: waits, there, admitted: inside };
  }

  async reachable(timeoutMs: number): Promise<boolean> {
    try {
      // A write, which a replica refuses; one that takes no memory, and changes nothing.
      await this.#calls.ask(() => this.#redis.del(this.#probe), timeoutMs);
      return true;
    } catch {
      return false;
    }
  }

  async close(): Promise<void> {
    this.#redis.disconnect();
  }

  async #enrol(userId: string, chance: string): Promise<Reply> {
    try {
      return await this.#ask('repriseEnrol', userId, chance, newSecret());
    } catch (error) {
      // Redis has no memory for one more: those who have a place go on.
      if (/\bOOM\b/.test((error as QueueUnavailable).message)) throw new QueueFull();
      throw error;
    }
  }

  #entry(userId: string, reply: Reply): QueueEntry {
    const [state] = reply;
    if (state === 'draining') throw new QueueDraining();
    if (state === 'full' || state === 'unknown') throw new QueueFull();
    const [, secret, expiresAt] = reply;
    const token = tokenOf(userId, secret);
    if (state === 'admitted') return admittedEntry(userId, token, expiresAt);
    const [, , , ahead, retryAfterMs, perSecond, paused] = reply;
    const standing = { userId, token, ahead, perSecond: Number(perSecond), retryAfterMs };
    return waitingEntry({ ...standing, expiresAt, isPaused: paused === 1 });
  }

  #toTell(): string {
    const { admittedMax, perMinute, ...steered } = this.#control;
    const control = {
      ...steered,
      admittedMax: admittedMax ?? this.#settings.admittedMax,
      perMinute: perMinute ?? 0,
    };
    return JSON.stringify({ ...this.#settings, ...paceOfScripts, control });
  }

  #ask<Name extends keyof Scripts>(
    name: Name,
    userId: string,
    ...args: Argument[]
  ): ReturnType<Scripts[Name]> {
    return this.#calls.ask(() =>
      (this.#redis[name] as (...args: Argument[]) => Promise<unknown>)(
        ...[...this.#keys, `${this.#holder}:${userId}`, userId, this.#now(), this.#told, ...args],
      ),
    ) as ReturnType<Scripts[Name]>;
  }
}
