import {
  EventStoreRefused,
  EventStoreUnavailable,
  StreamDeleted,
} from '../commands/core/event-store.ts';
import type { RefusalCode } from '../commands/core/result.ts';
import { UnreadableEvent } from '../events/codec.ts';
import { ReadSideUnavailable } from '../queries/read-side.ts';
import { QueueDraining, QueueFull } from '../queue/waiting-queue.ts';
import { QueueUnavailable } from '../shared-state/queue-unavailable.ts';

/** The form of a problem code in HTTP. */
interface ProblemKind {
  readonly status: number;
  readonly title: string;
  /** Header lines that the problem always has. */
  readonly headers?: Readonly<Record<string, string>>;
  /**
   * Some refusals with this code say when to try again, in Retry-After and in the body's
   * `retryAfterSeconds`.
   */
  readonly mayRetry?: true;
}

const retryAfter = (seconds: number) => ({ 'Retry-After': String(seconds) });

/** RFC 9110 wants a challenge on every 401. */
const challenge = { 'WWW-Authenticate': 'Bearer realm="waiting queue"' };

/** The status and title of each refusal of the shop. */
const refusals = {
  'concert-not-found': { status: 404, title: 'No such concert' },
  'session-not-found': { status: 404, title: 'No such session' },
  'seat-not-found': { status: 404, title: 'No such seat' },
  'reservation-not-found': { status: 404, title: 'No such reservation' },
  'seat-taken': { status: 409, title: 'The seat is taken' },
  'hold-expired': { status: 409, title: 'The hold is over' },
  'session-cancelled': { status: 409, title: 'The session was cancelled' },
  'refund-too-late': { status: 409, title: 'It is too late for a refund' },
  'too-many-seats': { status: 409, title: 'Too many seats', mayRetry: true },
  'too-many-held': { status: 409, title: 'Too many seats of all sessions', mayRetry: true },
  'too-many-bought': { status: 409, title: 'Too many seats for one buyer', mayRetry: true },
  'hold-again-later': { status: 409, title: 'The buyer held the seat recently', mayRetry: true },
  'request-running': {
    status: 409,
    title: 'The first request with this key is still running',
    headers: retryAfter(1),
  },
  'reservation-not-yours': { status: 403, title: 'The reservation belongs to another user' },
  'sales-not-open': { status: 403, title: 'Sales are not open' },
  'balance-too-small': { status: 402, title: 'The balance is too small' },
  'balance-too-large': { status: 409, title: 'The balance would be too large' },
  'idempotency-key-reused': { status: 422, title: 'Another request has used the idempotency key' },
  'already-captured': { status: 409, title: 'The payment was captured' },
  'already-released': { status: 409, title: 'The reservation was given back' },
  'seat-map-changed': { status: 409, title: 'The session is on sale with other seats' },
  'session-elsewhere': { status: 409, title: 'The session belongs to another concert' },
  unwritable: { status: 500, title: 'The event would be unreadable' },
  overloaded: { status: 503, title: 'Too many commands are waiting', headers: retryAfter(1) },
} as const satisfies Record<RefusalCode, ProblemKind>;

/** Every code of a problem, with its status. The codes are stable and part of the API. */
export const problemKinds = {
  ...refusals,
  'invalid-request': { status: 400, title: 'Some fields are missing or malformed' },
  'malformed-json': { status: 400, title: 'The body is not JSON' },
  'malformed-url': { status: 400, title: 'The URL cannot be decoded' },
  'malformed-http': { status: 400, title: 'The request is not HTTP' },
  'token-missing': {
    status: 401,
    title: 'A token of the waiting queue is required',
    headers: challenge,
  },
  'token-unknown': { status: 401, title: 'The token is unknown', headers: challenge },
  'token-not-yours': { status: 403, title: 'The token belongs to another user' },
  'token-other-room': { status: 403, title: 'The token belongs to another room' },
  'not-admitted': { status: 403, title: 'The user is still waiting' },
  'path-not-found': { status: 404, title: 'No such path' },
  'method-not-allowed': { status: 405, title: 'The path does not support this method' },
  'request-timeout': { status: 408, title: 'The request took too long to arrive' },
  'body-too-large': { status: 413, title: 'The body is too large' },
  'unsupported-media-type': { status: 415, title: 'The body must be JSON in UTF-8' },
  'host-not-allowed': { status: 421, title: 'The service does not serve this Host' },
  'expectation-failed': { status: 417, title: 'The expectation cannot be met' },
  'too-many-keys': {
    status: 429,
    title: 'Too many idempotency keys',
    headers: retryAfter(3_600),
  },
  'headers-too-large': { status: 431, title: 'The headers are too large' },
  'internal-error': { status: 500, title: 'The service has a bug' },
  'method-not-implemented': { status: 501, title: 'The method is not implemented' },
  'event-store-unavailable': {
    status: 503,
    title: 'The event store does not answer',
    headers: retryAfter(1),
  },
  'sale-closed': {
    status: 503,
    title: 'The sale is closed after a restore',
    headers: retryAfter(60),
  },
  'event-unreadable': { status: 503, title: 'An event cannot be read', headers: retryAfter(60) },
  'queue-unavailable': {
    status: 503,
    title: 'The waiting queue does not answer',
    headers: retryAfter(1),
  },
  'too-many-queries': {
    status: 503,
    title: 'Too many queries about the past',
    headers: retryAfter(1),
  },
  'too-many-connections': { status: 503, title: 'Too many connections', headers: retryAfter(1) },
  'too-many-lists': { status: 503, title: 'Too many lists are waiting', headers: retryAfter(2) },
  'queue-full': { status: 503, title: 'The waiting queue is full', headers: retryAfter(10) },
  'queue-draining': {
    status: 503,
    title: 'The waiting queue accepts no new users',
    headers: retryAfter(60),
  },
  'read-side-unavailable': {
    status: 503,
    title: 'The read side does not answer',
    headers: retryAfter(1),
  },
  'read-side-behind': { status: 503, title: 'The read side is behind', headers: retryAfter(1) },
  'too-many-streams': { status: 503, title: 'Too many streams', headers: retryAfter(10) },
  'no-answer-in-time': { status: 503, title: 'No answer in time', headers: retryAfter(1) },
  'not-ready': { status: 503, title: 'Not ready', headers: retryAfter(1) },
} as const satisfies Record<string, ProblemKind>;

export type ProblemCode = keyof typeof problemKinds;

/**
 * Refusals that no call of the API gives. Imports give them, and steps of the service's own
 * processes.
 */
export const neverOverHttp: readonly string[] = [
  'already-captured',
  'seat-map-changed',
  'session-elsewhere',
  'unwritable',
] satisfies ProblemCode[];

/**
 * Does a request with the same Idempotency-Key get this code again? It does if the command itself
 * decided the refusal.
 */
export const isRepeated = (code: ProblemCode): boolean =>
  code in refusals && code !== 'request-running' && problemKind(code).status < 500;

/** The code's row of the table, in a type with the optional members. */
export const problemKind = (code: ProblemCode): ProblemKind => problemKinds[code];

/** One field of a 400: `field` is its name (`body` for the whole), `message` what it must be. */
export interface FieldError {
  readonly field: string;
  readonly message: string;
}

/**
 * The members of an `application/problem+json` body (RFC 9457), in addition to those that its code
 * implies.
 */
export interface ProblemDetails {
  readonly detail: string;
  readonly errors?: readonly FieldError[];
  readonly [extension: string]: unknown;
}

/** The body of a problem. `instance` is the request's id. */
export function problemBody(code: ProblemCode, details: ProblemDetails, requestId: string): string {
  const { status, title } = problemKinds[code];
  const type = `urn:problem-type:reprise:${code}`;
  return JSON.stringify({ type, title, status, ...details, code, instance: requestId });
}

/** The text for a client whose command may or may not have been executed. */
export const unknownOutcome =
  'The result is unknown. Repeat the request. If it had an Idempotency-Key, use the same one.';

/**
 * The problem for a thrown error: a dependency is down, or the router could not decode the request.
 * Undefined for any other error, which is a bug in the service.
 */
export function problemOfError(error: unknown): { code: ProblemCode; detail: string } | undefined {
  if (error instanceof EventStoreUnavailable) {
    return { code: 'event-store-unavailable', detail: unknownOutcome };
  }
  if (error instanceof StreamDeleted) {
    const detail =
      'The events of this seat, order or account were deleted from the log, so the service cannot decide about it. ' +
      'Others are not affected.';
    return { code: 'event-unreadable', detail };
  }
  if (error instanceof EventStoreRefused) {
    return {
      code: 'event-store-unavailable',
      detail: `The event store refused the request: ${error.message}`,
    };
  }
  if (error instanceof UnreadableEvent) {
    const detail =
      'The log has an event that this version of the service cannot read. Therefore it cannot decide about this ' +
      'seat, order or account. Others are not affected.';
    return { code: 'event-unreadable', detail };
  }
  if (error instanceof QueueUnavailable) {
    return {
      code: 'queue-unavailable',
      detail: 'The service has changed nothing. Repeat the request.',
    };
  }
  if (error instanceof QueueDraining) {
    const detail =
      'The shop has closed the waiting queue for new users. Users who wait keep their places.';
    return { code: 'queue-draining', detail };
  }
  if (error instanceof QueueFull) {
    return {
      code: 'queue-full',
      detail: 'Try again later.',
    };
  }
  if (error instanceof ReadSideUnavailable) {
    return { code: 'read-side-unavailable', detail: 'Repeat the request.' };
  }
  if (error instanceof URIError) {
    return { code: 'malformed-url', detail: 'A part of the path is not valid percent-encoding.' };
  }
  return undefined;
}
