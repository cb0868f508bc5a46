import { hash, randomFillSync, timingSafeEqual } from 'node:crypto';

/** Characters of a token: 24 random bytes as base64url. */
export const tokenLength = 32;

const tokenBytes = 24;

/** Random bytes are drawn for so many tokens at once: a system call for each costs more than a poll. */
const pool = Buffer.alloc(128 * tokenBytes);
let used = pool.length;

export function newToken(): string {
  if (used === pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  const token = pool.toString('base64url', used, used + tokenBytes);
  // What was given out is not kept.
  pool.fill(0, used, used + tokenBytes);
  used += tokenBytes;
  return token;
}

/** SHA-256 of a token as 43 characters of base64url: what a token of unknown owner is looked up by. */
export const tokenDigest = (token: string): string => hash('sha256', token, 'base64url');

/** Whether two tokens are the same, in a time that tells nothing of where they differ. */
export function sameToken(kept: string, given: string): boolean {
  const a = Buffer.from(kept);
  const b = Buffer.from(given);
  return a.length === b.length && timingSafeEqual(a, b);
}
