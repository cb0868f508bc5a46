/**
 * With a password, the server accepts only calls with the right Basic credentials. EventStoreDB's
 * clients send them with each call.
 */
import { timingSafeEqual } from 'node:crypto';

/** The one user there is. */
export const userName = 'service';

/**
 * Checks a call's `authorization` header. The time that it takes depends only on the length of the
 * header, which is not secret.
 */
export function credentialCheck(password: string): (header: string | undefined) => boolean {
  const wanted = Buffer.from(`Basic ${Buffer.from(`${userName}:${password}`).toString('base64')}`);
  return (header = '') => {
    const given = Buffer.from(header);
    return given.length === wanted.length && timingSafeEqual(given, wanted);
  };
}
