import type { RedisClient } from '../infrastructure/redis.ts';
import { luaScript } from '../shared-state/redis-calls.ts';
import { lotPauseMs } from './lot.ts';
import { paceOfScripts } from './pace.ts';

/** The reply of `lua/poll.lua` and `lua/enrol.lua`, without their moves. */
export type PollReply =
  | ['unknown']
  | ['full']
  | ['draining']
  | ['admitted', string, number]
  | ['waiting', string, number, number, number, string, number, number];

export type Argument = string | number;
/** The last part is the moves of places, one after another: kind, user, number and time. */
type RawReply = (Argument | Argument[])[];

/** The scripts as `defineCommand` adds them to the client. */
export type QueueScripts = Record<keyof typeof files, (...args: Argument[]) => Promise<RawReply>>;

/** Scripts with this line also run while Redis is full. They serve users who have a place. */
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

/**
 * The part of a room's keys that decides their slot. @param name of the queue. Default
 * `reprise:queue`
 */
export const queueTag = (room: string, name = 'reprise:queue'): string =>
  room === '' ? `{${name}}` : `{${name}:${room}}`;

/** The keys of a queue, as every script has them first; `tag` makes them hash to one slot. */
export const queueKeys = (tag: string): Record<(typeof keyNames)[number], string> =>
  Object.fromEntries(keyNames.map((name) => [name, `${tag}:${name}`])) as Record<
    (typeof keyNames)[number],
    string
  >;

/** The client with the scripts. */
export function withScripts(redis: RedisClient): RedisClient & QueueScripts {
  const numbers = Object.entries({ ...paceOfScripts, lotPauseMs });
  const pace = `local pace = { ${numbers.map(([name, value]) => `${name} = ${value}`).join(', ')} }`;
  const common = `${pace}\n${luaScript('common', import.meta.url)}`;
  for (const [name, [file, head]] of Object.entries(files)) {
    const lua = `${head}${common}\n${luaScript(file, import.meta.url)}`;
    redis.defineCommand(name, { numberOfKeys: keyNames.length + 1, lua });
  }
  return redis as RedisClient & QueueScripts;
}
