import { createHash } from 'node:crypto';

/**
 * Stream names. The part before the first `-` is the category, as EventStoreDB's own projections
 * use it.
 */

export type StreamName =
  | { readonly category: 'concert'; readonly concertId: string }
  | { readonly category: 'seat'; readonly sessionId: string; readonly seatId: string }
  | { readonly category: 'order'; readonly orderId: string }
  | { readonly category: 'account'; readonly userId: string };

/**
 * Prefixes of the streams that read models are made from. A projection's `$all` filter names them.
 */
export const streamPrefixes = ['concert-', 'seat-', 'order-', 'account-'] as const;

/**
 * Every stream of the service starts with one of these prefixes. A backup has all these streams.
 */
export const ownPrefixes = [
  ...streamPrefixes,
  ...['catalog-', 'request-', 'skipped-events', 'restored-log', 'queue-'],
];
/**
 * The same prefixes, and those of the metadata streams, which say which events are hidden or
 * deleted.
 */
export const archivedPrefixes = [...ownPrefixes, ...ownPrefixes.map((prefix) => `$$${prefix}`)];

/** One for the whole shop. */
export const sessionsStream = 'catalog-sessions';
/**
 * One for the whole shop, about skipped events. Readers that must know a skip in advance read it.
 */
export const skippedStream = 'skipped-events';
/**
 * One for the whole shop, about the restore of the log from a backup, and about the opening of its
 * sale.
 */
export const restoredStream = 'restored-log';
/**
 * One for the whole shop, about the versions of the service that served this log. It describes this
 * event store, so no backup contains it.
 */
export const releasesStream = 'releases';
/** One for the whole shop, about the steering of the waiting queue's rooms, and their lots. */
export const steeringStream = 'queue-steering';
/**
 * One per hour of UTC and room, with the moves of users' places in the waiting queue.
 * `queue-line-2030-01-01T10` belongs to the line of the shop, `queue-line-2030-01-01T10-gala` to
 * the room gala.
 * @param room '' for the line of the shop
 */
export const queueLineStream = (atMs: number, room = ''): string =>
  `queue-line-${new Date(atMs).toISOString().slice(0, 13)}${room === '' ? '' : `-${room}`}`;
export const concertStream = (concertId: string): string => `concert-${concertId}`;
export const seatStream = (sessionId: string, seatId: string): string =>
  `seat-${sessionId}/${seatId}`;
export const orderStream = (orderId: string): string => `order-${orderId}`;
/** @param hash the result of `keyHash` for a key */
export const requestStream = (hash: string): string => `request-${hash}`;
export const accountStream = (userId: string): string => `account-${userId}`;

/**
 * The hash (SHA-256, hexadecimal) of a user's idempotency key for one call. Neither a call's name,
 * a user id nor a key holds a line break, so the three cannot run into each other.
 */
export const keyHash = (call: string, userId: string, key: string): string =>
  createHash('sha256').update(`${call}\n${userId}\n${key}`).digest('hex');

/**
 * The characters of ids in events: visible ASCII, at most two ids and a slash. A longer name could
 * not be the key of a table.
 */
const ofIds = /^[!-~]{1,500}$/;

/** The parts of a stream's name, or undefined for a stream that is not Reprise's. */
export function parseStream(name: string): StreamName | undefined {
  if (!ofIds.test(name)) return undefined;
  if (name.startsWith('seat-')) {
    const slash = name.indexOf('/', 5);
    if (slash < 0) return undefined;
    return { category: 'seat', sessionId: name.slice(5, slash), seatId: name.slice(slash + 1) };
  }
  if (name.startsWith('account-')) return { category: 'account', userId: name.slice(8) };
  if (name.startsWith('order-')) return { category: 'order', orderId: name.slice(6) };
  if (name.startsWith('concert-')) return { category: 'concert', concertId: name.slice(8) };
  return undefined;
}
