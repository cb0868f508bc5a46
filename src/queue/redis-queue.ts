import type { RedisClient } from '../infrastructure/redis.ts';
import { QueueUnavailable } from '../shared-state/queue-unavailable.ts';
import { RedisCalls } from '../shared-state/redis-calls.ts';
import { noticeMsOf } from './pace.ts';
import { limitsOf, notSteered, type QueueControl } from './queue-control.ts';
import { admittedEntry, type QueueEntry, waitingEntry } from './queue-entry.ts';
import type { KnownPlace, QueueLog, QueueMove } from './queue-log.ts';
import {
  type Argument,
  type PollReply,
  type QueueScripts,
  queueKeys,
  queueTag,
  scriptsOf,
} from './redis-scripts.ts';
import { newSecret, parseToken, tokenOf } from './token.ts';
import {
  type Authorization,
  type QueueCounts,
  QueueDraining,
  QueueFull,
  type QueueLimits,
  type QueueSettings,
  type WaitingQueue,
} from './waiting-queue.ts';

/** Redis has reached its memory limit, and refuses calls that need memory. */
const isOutOfMemory = (error: unknown): boolean =>
  error instanceof QueueUnavailable && /\bOOM\b/.test(error.message);

/** The number of places that one call restores. */
const restoredMax = 500;
/**
 * Longest time for one instance to rebuild the queue, in milliseconds. Then another instance may
 * begin.
 */
const rebuildMsMax = 30_000;

export interface RedisQueueOptions {
  /** The room whose tokens it gives and accepts. Default '': the line of the shop. */
  readonly room?: string;
  /**
   * Names the queue's keys: `{name}:…`, and `{name:room}:…` in a room. The keys of one room are in
   * one slot of a cluster. Rooms may be in different slots. Default `reprise:queue`.
   */
  readonly name?: string;
  /**
   * For tests: milliseconds since the epoch. Default: the clock of Redis, one for all instances.
   */
  readonly now?: () => number;
  /** A random number from 0 to 1, for pauses. Default `Math.random`. */
  readonly chance?: () => number;
  /** Keeps the moves. An emptied queue is rebuilt from it. Default: none. */
  readonly journal?: QueueLog;
  /** Called with each move that this instance made. Default: nothing happens. */
  readonly onMove?: (move: QueueMove) => void;
  /** Called when the queue could not be rebuilt. The next call tries again. */
  readonly onError?: (what: string, error: unknown) => void;
}

/**
 * The waiting queue in Redis 7 or Redis Cluster, for any number of service processes. Each call is
 * one Lua script. While Redis is full, each poll of a new user is two scripts. Redis must not evict
 * keys (`maxmemory-policy noeviction`). If Redis has lost the queue, the queue is rebuilt from the
 * journal before it serves anybody. Without a journal, buyers must enrol again. If Redis is full,
 * the queue accepts no new users. It owns the client: `close` closes the client.
 */
export class RedisQueue implements WaitingQueue {
  readonly #redis: RedisClient;
  readonly #scripts: QueueScripts;
  readonly #calls = new RedisCalls();
  readonly #settings: QueueSettings;
  readonly #room: string;
  #control = notSteered;
  /** The steering in the form of the scripts. */
  #told: string;
  readonly #now: () => Argument;
  readonly #chance: () => number;
  readonly #journal: QueueLog | undefined;
  readonly #onMove: (move: QueueMove) => void;
  readonly #onError: (what: string, error: unknown) => void;
  readonly #tag: string;
  readonly #keys: ReturnType<typeof queueKeys>;
  /** Redis refused a new user because its memory is full, and has accepted no new user since. */
  #isFull = false;
  #rebuilding: Promise<void> | undefined;

  constructor(redis: RedisClient, settings: QueueSettings, options: RedisQueueOptions = {}) {
    const { name, room = '' } = options;
    this.#room = room;
    this.#tag = queueTag(room, name);
    this.#settings = settings;
    this.#journal = options.journal;
    this.#onMove = options.onMove ?? (() => {});
    this.#onError = options.onError ?? (() => {});
    this.#told = this.#toTell();
    this.#now = options.now ?? (() => '');
    this.#chance = options.chance ?? Math.random;
    this.#keys = queueKeys(this.#tag);
    this.#redis = redis;
    const isKept = this.#journal !== undefined;
    this.#scripts = scriptsOf(redis, { ...settings, noticeMs: noticeMsOf(settings), isKept });
  }

  async poll(userId: string): Promise<QueueEntry> {
    const chance = String(this.#chance());
    if (!this.#isFull) {
      try {
        return this.#entry(userId, await this.#pollOrEnrol(userId, chance));
      } catch (error) {
        if (!isOutOfMemory(error)) throw error;
        this.#isFull = true;
      }
    }
    // Redis has no memory for one more user. Users who have a place continue.
    const reply = await this.#ask<PollReply>('reprisePoll', userId, chance);
    if (reply[0] !== 'unknown') return this.#entry(userId, reply);
    try {
      const enrolled = await this.#pollOrEnrol(userId, chance);
      this.#isFull = false;
      return this.#entry(userId, enrolled);
    } catch (error) {
      throw isOutOfMemory(error) ? new QueueFull() : error;
    }
  }

  async authorize(userId: string, token: string): Promise<Authorization> {
    const parsed = parseToken(token);
    if (parsed === undefined) return 'unknown';
    if (parsed.room !== this.#room) return 'other-room';
    const args = [userId, parsed.secret];
    const [state] = await this.#ask<[Authorization]>('repriseAuthorize', parsed.userId, ...args);
    return state;
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

  get limits(): QueueLimits {
    return limitsOf(this.#control, this.#settings.admittedMax);
  }

  async counts(): Promise<QueueCounts> {
    const { present, waiting, admitted } = this.#keys;
    const redis = this.#redis;
    const all = () =>
      Promise.all([redis.hlen(waiting), redis.zcard(present), redis.zcard(admitted)]);
    const [waits, there, inside] = await this.#calls.ask(all);
    return { waiting: waits, there, admitted: inside };
  }

  async reachable(timeoutMs: number): Promise<boolean> {
    try {
      // A write, because a replica refuses writes. It takes no memory and changes nothing.
      await this.#calls.ask(() => this.#redis.del(`${this.#tag}:probe`), timeoutMs);
      return true;
    } catch {
      return false;
    }
  }

  /**
   * Rebuilds the queue from the journal if Redis has lost it, unless another instance is rebuilding
   * it. Never throws.
   */
  rebuild(): Promise<void> {
    this.#rebuilding ??= this.#rebuildOnce()
      .catch((error) => this.#onError('rebuild the waiting queue', error))
      .finally(() => {
        this.#rebuilding = undefined;
      });
    return this.#rebuilding;
  }

  async close(): Promise<void> {
    this.#redis.disconnect();
  }

  #pollOrEnrol(userId: string, chance: string): Promise<PollReply> {
    return this.#ask<PollReply>('repriseEnrol', userId, chance, newSecret());
  }

  #entry(userId: string, reply: PollReply): QueueEntry {
    const [state] = reply;
    if (state === 'draining') throw new QueueDraining();
    if (state === 'full' || state === 'unknown') throw new QueueFull();
    const [, secret, expiresAt] = reply;
    const token = tokenOf(userId, secret, this.#room);
    if (state === 'admitted') return admittedEntry(userId, token, expiresAt);
    const [, , , told, retryAfterMs, perSecond, paused, opens] = reply;
    const [ahead, opensAt] = [told < 0 ? null : told, opens === 0 ? undefined : opens];
    const standing = { userId, token, ahead, perSecond: Number(perSecond), retryAfterMs };
    return waitingEntry({ ...standing, expiresAt, isPaused: paused === 1, opensAt });
  }

  async #rebuildOnce(): Promise<void> {
    const journal = this.#journal;
    if (journal === undefined) return;
    const lock = `${this.#tag}:rebuilding`;
    const { counters } = this.#keys;
    if ((await this.#calls.ask(() => this.#redis.hexists(counters, 'ready'))) === 1) return;
    const locked = await this.#calls.ask(() =>
      this.#redis.set(lock, '1', 'PX', rebuildMsMax, 'NX'),
    );
    if (locked === null) return;
    try {
      await journal.flush();
      const known = await journal.read();
      for (let at = 0; at === 0 || at < known.length; at += restoredMax) {
        const part = known.slice(at, at + restoredMax);
        const isLast = at + restoredMax >= known.length;
        await this.#restore(part, isLast);
      }
    } finally {
      await this.#calls.ask(() => this.#redis.del(lock));
    }
  }

  async #restore(part: readonly KnownPlace[], isLast: boolean): Promise<void> {
    const places = part.map(({ userId, number, admittedAt }) => [
      ...[userId, newSecret(), number, admittedAt ?? 0],
    ]);
    const args = ['', this.#now(), this.#told, JSON.stringify(places), isLast ? '1' : '0'];
    const keys = [...Object.values(this.#keys), `${this.#tag}:holder:`];
    await this.#calls.ask(() => this.#scripts.repriseRestore(...keys, ...args));
  }

  #toTell(): string {
    const { admittedMax, perMinute, lot, ...steered } = this.#control;
    return JSON.stringify({
      ...steered,
      admittedMax: admittedMax ?? this.#settings.admittedMax,
      perMinute: perMinute ?? 0,
      lot: lot ?? false,
    });
  }

  /** Runs a script for a user, and keeps the moves that it reports. */
  async #ask<Reply extends unknown[]>(
    name: keyof QueueScripts,
    userId: string,
    ...args: Argument[]
  ): Promise<Reply> {
    const keys = [...Object.values(this.#keys), `${this.#tag}:holder:${userId}`];
    const reply = await this.#calls.ask(() =>
      this.#scripts[name](...keys, userId, this.#now(), this.#told, ...args),
    );
    const notes = reply.pop() as Argument[];
    for (let at = 0; at < notes.length; at += 4) {
      const [kind, who, number, atMs] = notes.slice(at, at + 4);
      const move: QueueMove = [kind as QueueMove[0], String(who), Number(number), Number(atMs)];
      this.#onMove(move);
      this.#journal?.note(move);
    }
    if (reply[0] === 'empty') {
      void this.rebuild();
      throw new QueueUnavailable('Redis has lost the queue, which is being rebuilt from the log');
    }
    return reply as Reply;
  }
}
