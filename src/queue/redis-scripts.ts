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

/**
 * The keys of a queue. They are the first keys of every script. With `tag`, all of them are in one
 * slot.
 */
export const queueKeys = (tag: string): Record<(typeof keyNames)[number], string> =>
  Object.fromEntries(keyNames.map((name) => [name, `${tag}:${name}`])) as Record<
    (typeof keyNames)[number],
    string
  >;

/** The settings that are written into the scripts. They do not change while an instance runs. */
export interface ScriptSettings extends QueueSettings {
  /** The result of `noticeMsOf`. */
  readonly noticeMs: number;
  /** If Redis has lost the queue, it is rebuilt from the log. */
  readonly isKept: boolean;
}

/**
 * The scripts. The constants of `pace.ts` and the settings are written into their text. If a script
 * read them at each call, it would make tables and texts, and Redis would have to collect this
 * garbage afterwards. A client may have the scripts of several queues.
 */
export function scriptsOf(redis: RedisClient, settings: ScriptSettings): QueueScripts {
  const common = luaScript('common', import.meta.url);
  const pace = { ...paceOfScripts, lotPauseMs };
  const scripts = Object.entries(files).map(([name, [file, head]]) => {
    const text = `${head}${common}\n${luaScript(file, import.meta.url)}`;
    const isRestoring = file === 'restore';
    const lua = withConstants(text, { pace, settings: { ...settings, isRestoring } });
    redis.defineCommand(name, { numberOfKeys: keyNames.length + 1, lua });
    // The client keeps only the last script with a name. This function keeps the script of this
    // queue.
    return [name, (redis as RedisClient & QueueScripts)[name as keyof QueueScripts].bind(redis)];
  });
  return Object.fromEntries(scripts);
}

type Constants = Readonly<Record<string, number | boolean>>;

/**
 * The text with its constants, without its comments. @throws if the text names an unknown constant
 */
function withConstants(lua: string, constants: Readonly<Record<string, Constants>>): string {
  const code = lua.replaceAll(/--.*/g, '');
  return code.replaceAll(/\b(pace|settings)\.([a-zA-Z]+)/g, (words, group, name) => {
    const value = constants[group]?.[name];
    if (value === undefined) throw new Error(`no constant ${words} for a script of the queue`);
    return String(value);
  });
}
