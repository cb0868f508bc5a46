import { randomFillSync, timingSafeEqual } from 'node:crypto';

/** Random bytes of a token: 32 characters of base64url. */
const secretBytes = 24;
const secretPattern = /^[A-Za-z0-9_-]{32}$/;

/**
 * Random bytes are drawn for so many tokens at once: a system call for each costs more than a poll.
 */
const pool = Buffer.alloc(128 * secretBytes);
let used = pool.length;

/** What nobody but the user knows of a token. */
export function newSecret(): string {
  if (used === pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  const secret = pool.toString('base64url', used, used + secretBytes);
  // What was given out is not kept.
  pool.fill(0, used, used + secretBytes);
  used += secretBytes;
  return secret;
}

/** What a token says of itself; whether it is true only the queue of the room knows. */
export interface ParsedToken {
  readonly userId: string;
  readonly secret: string;
  /** '' for the line of the shop. */
  readonly room: string;
}

/**
 * A token names its user, so that whose it is needs no index of tokens, and its room:
 * `<user>.<secret>` in the line of the shop, `<user>.<secret>.<room>` in a room.
 */
export const tokenOf = (userId: string, secret: string, room = ''): string =>
  `${userId}.${secret}${room === '' ? '' : `.${room}`}`;

/** The parts of a token, or undefined when it is none. No user id and no room has a dot. */
export function parseToken(token: string): ParsedToken | undefined {
  const [userId = '', secret = '', room, ...rest] = token.split('.', 4);
  const isOne = userId !== '' && secretPattern.test(secret) && room !== '' && rest.length === 0;
  return isOne ? { userId, secret, room: room ?? '' } : undefined;
}

/** Whether two secrets are the same, in a time that tells nothing of where they differ. */
export function sameSecret(kept: string, given: string): boolean {
  const a = Buffer.from(kept);
  const b = Buffer.from(given);
  return a.length === b.length && timingSafeEqual(a, b);
}
