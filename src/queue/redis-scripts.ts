import type { RedisClient } from '../infrastructure/redis.ts';
import { luaScript } from '../shared-state/redis-calls.ts';

/** What `lua/poll.lua` and `lua/enrol.lua` reply, without their notes. */
export type PollReply =
  | ['unknown']
  | ['full']
  | ['draining']
  | ['admitted', string, number]
  | ['waiting', string, number, number, number, string, number, number];

export type Argument = string | number;
/** The last part is what happened to places: kind, user, number and when, one after another. */
type RawReply = (Argument | Argument[])[];

/** The scripts as `defineCommand` adds them to the client. */
export type QueueScripts = Record<keyof typeof files, (...args: Argument[]) => Promise<RawReply>>;

/** Served while Redis is full: what is asked by those who have a place. */
const allowedBeyondMemory = '#!lua flags=allow-oom\n';

const files = {
  reprisePoll: ['poll', allowedBeyondMemory],
  repriseEnrol: ['enrol', '#!lua\n'],
  repriseAuthorize: ['authorize', allowedBeyondMemory],
  repriseRenew: ['renew', allowedBeyondMemory],
  repriseShorten: ['shorten', allowedBeyondMemory],
  repriseRestore: ['restore', allowedBeyondMemory],
} as const;

const keyNames = ['present', 'ends', 'waiting', 'admitted', 'places', 'counters'] as const;

/** The keys of a queue, as every script has them first; `tag` makes them hash to one slot. */
export const queueKeys = (tag: string): Record<(typeof keyNames)[number], string> =>
  Object.fromEntries(keyNames.map((name) => [name, `${tag}:${name}`])) as Record<
    (typeof keyNames)[number],
    string
  >;

/** The client with the scripts. */
export function withScripts(redis: RedisClient): RedisClient & QueueScripts {
  const common = luaScript('common', import.meta.url);
  for (const [name, [file, head]] of Object.entries(files)) {
    const lua = `${head}${common}\n${luaScript(file, import.meta.url)}`;
    redis.defineCommand(name, { numberOfKeys: keyNames.length + 1, lua });
  }
  return redis as RedisClient & QueueScripts;
}
