import { randomFillSync, timingSafeEqual } from 'node:crypto';

/** Random bytes of a token: 32 characters of base64url. */
export const secretBytes = 24;
const secretPattern = /^[A-Za-z0-9_-]{32}$/;

/**
 * Random bytes are made for many tokens at once, because a system call for each token costs more
 * than a poll.
 */
const pool = Buffer.alloc(128 * secretBytes);
let used = pool.length;

/** Puts `secretBytes` new random bytes into memory. */
export function fillSecret(memory: Uint8Array, at: number): void {
  if (used === pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  memory.set(pool.subarray(used, used + secretBytes), at);
  // Secrets that were given out are not kept.
  pool.fill(0, used, used + secretBytes);
  used += secretBytes;
}

/** The part of a token that only its user knows. */
export function newSecret(): string {
  const secret = Buffer.alloc(secretBytes);
  fillSecret(secret, 0);
  return secret.toString('base64url');
}

/** No user id is longer: the API refuses longer ids. */
const idCharsMax = 64;

/** The parts of a token. Only the queue of the room knows whether the token is valid. */
export interface ParsedToken {
  readonly userId: string;
  readonly secret: string;
  /** '' for the line of the shop. */
  readonly room: string;
}

/**
 * A token names its user and its room. So no index of tokens is needed. It is `<user>.<secret>` in
 * the line of the shop, and `<user>.<secret>.<room>` in a room.
 */
export const tokenOf = (userId: string, secret: string, room = ''): string =>
  `${userId}.${secret}${room === '' ? '' : `.${room}`}`;

/**
 * The parts of a token, or undefined if the text is not a token. No user id and no room has a dot.
 */
export function parseToken(token: string): ParsedToken | undefined {
  const [userId = '', secret = '', room, ...rest] = token.split('.', 4);
  const isId = userId !== '' && userId.length <= idCharsMax;
  const isOne = isId && secretPattern.test(secret) && room !== '' && rest.length === 0;
  return isOne ? { userId, secret, room: room ?? '' } : undefined;
}

/** Are two secrets equal? The duration of the comparison does not show where they differ. */
export function sameSecret(kept: string, given: string): boolean {
  const a = Buffer.from(kept);
  const b = Buffer.from(given);
  return a.length === b.length && timingSafeEqual(a, b);
}
