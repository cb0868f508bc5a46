import { EventStoreRefused, StreamDeleted } from '../../commands/core/event-store.ts';

/**
 * The server was silent for longer than a time limit. It is unknown whether it carried out the
 * request.
 */
export class NoAnswer extends Error {
  constructor(message: string, cause?: unknown) {
    super(message, { cause });
    this.name = 'NoAnswer';
  }
}

/**
 * `type` of the client's own errors for which no retry helps. For all other errors, the result is
 * unclear.
 */
const finalTypes = new Set([
  'access-denied',
  'invalid-argument',
  'maximum-append-size-exceeded',
  'missing-required-metadata-property',
  'no-stream',
  'not-found',
  'stream-deleted',
  'stream-not-found',
  'unsupported',
]);

/** The same among plain gRPC status codes, as google.rpc.Code numbers them. */
const finalCodes = new Set([
  3, // INVALID_ARGUMENT
  5, // NOT_FOUND
  7, // PERMISSION_DENIED
  9, // FAILED_PRECONDITION
  11, // OUT_OF_RANGE
  12, // UNIMPLEMENTED
  16, // UNAUTHENTICATED
]);

/**
 * Is the result open, and may another try help? This is so if the server went away, was silent, is
 * not the leader, broke the stream, or could not be found. Accepts the client's errors, raw gRPC
 * errors (the client leaks them: code 14 without a `type`), and stream errors of Node.
 */
export function isTransient(error: unknown): boolean {
  if (error instanceof EventStoreRefused || error instanceof TypeError) return false;
  if (isNotLeader(error)) return true;
  const type = property(error, 'type');
  if (typeof type === 'string') return !finalTypes.has(type);
  return !isFinalCode(property(error, 'code'));
}

/** Whether a gRPC status code means that a repetition is useless. */
export function isFinalCode(code: unknown): boolean {
  return typeof code === 'number' && finalCodes.has(code);
}

/**
 * The client keeps the leader's address for its next call. Therefore such a client must be kept.
 */
export function isNotLeader(error: unknown): boolean {
  return property(error, 'type') === 'not-leader' || trailer(error) === 'not-leader';
}

/**
 * Did a call never have a connection, so that nothing was sent? Only the text of gRPC's error shows
 * this. The code is the same as for calls that lost their connection.
 */
export function neverConnected(error: unknown): boolean {
  const details = property(error, 'details');
  return (
    typeof details === 'string' &&
    /^(No connection established|Name resolution failed)/.test(details)
  );
}

/**
 * Does the server report that its log has no such position? It uses the same code for every other
 * wrong argument.
 */
export function isInvalidPosition(error: unknown): boolean {
  const isArgument =
    property(error, 'code') === 3 || property(error, 'type') === 'invalid-argument';
  return isArgument && /position/i.test(messageOf(error));
}

export function isStreamNotFound(error: unknown): boolean {
  return property(error, 'type') === 'stream-not-found';
}

/** A final failure with an own message. */
export function refused(doing: string, error: unknown): EventStoreRefused {
  const isDeleted =
    error instanceof StreamDeleted ||
    property(error, 'type') === 'stream-deleted' ||
    trailer(error) === 'stream-deleted';
  return isDeleted
    ? new StreamDeleted(`${doing}: `, error)
    : new EventStoreRefused(`${doing}: ${messageOf(error)}`, error);
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message || error.name : String(error);
}

function property(error: unknown, key: string): unknown {
  return typeof error === 'object' && error !== null
    ? (error as Record<string, unknown>)[key]
    : undefined;
}

/** The `exception` trailer of a raw gRPC error. */
function trailer(error: unknown): string | undefined {
  const metadata = property(error, 'metadata') as { get?(key: string): unknown[] } | undefined;
  const value = metadata?.get?.('exception')[0];
  return value === undefined ? undefined : String(value);
}
