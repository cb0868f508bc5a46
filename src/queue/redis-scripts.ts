import type { RedisClient } from '../infrastructure/redis.ts';
import { luaScript } from '../shared-state/redis-calls.ts';
import { lotPauseMs } from './lot.ts';
import { paceOfScripts } from './pace.ts';
import type { QueueSettings } from './waiting-queue.ts';

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

/** The scripts, as functions that take the keys and then the arguments. */
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

/** What is written into the scripts: settings that an instance keeps as long as it runs. */
export interface ScriptSettings extends QueueSettings {
  /** As `noticeMsOf` has it. */
  readonly noticeMs: number;
  /** The queue is rebuilt from the log when Redis has lost it. */
  readonly isKept: boolean;
}

/**
 * The scripts with the constants of `pace.ts` and the settings written into them: a script that
 * reads them at each call makes tables and texts that Redis has to clear afterwards. A client may
 * have the scripts of several queues.
 */
export function scriptsOf(redis: RedisClient, settings: ScriptSettings): QueueScripts {
  const common = luaScript('common', import.meta.url);
  const pace = { ...paceOfScripts, lotPauseMs };
  const scripts = Object.entries(files).map(([name, [file, head]]) => {
    const text = `${head}${common}\n${luaScript(file, import.meta.url)}`;
    const isRestoring = file === 'restore';
    const lua = withConstants(text, { pace, settings: { ...settings, isRestoring } });
    redis.defineCommand(name, { numberOfKeys: keyNames.length + 1, lua });
    // The client keeps the last script of a name, this function its own.
    return [name, (redis as RedisClient & QueueScripts)[name as keyof QueueScripts].bind(redis)];
  });
  return Object.fromEntries(scripts);
}

type Constants = Readonly<Record<string, number | boolean>>;

/** Without the comments. @throws if the text names a constant that does not exist */
function withConstants(lua: string, constants: Readonly<Record<string, Constants>>): string {
  const code = lua.replaceAll(/--.*/g, '');
  return code.replaceAll(/\b(pace|settings)\.([a-zA-Z]+)/g, (words, group, name) => {
    const value = constants[group]?.[name];
    if (value === undefined) throw new Error(`no constant ${words} for a script of the queue`);
    return String(value);
  });
}
