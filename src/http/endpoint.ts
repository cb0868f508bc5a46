import type { Logger } from 'pino';
import type { z } from 'zod';
import type { ClockStatus } from '../clock/service-clock.ts';
import type { IdempotencyKeys } from '../commands/idempotency/idempotency-keys.ts';
import type { BuyerCommands } from '../commands/sales/roles.ts';
import type { ProjectionState } from '../projections/engine/overview.ts';
import type { PreparedBody, ReadSide } from '../queries/read-side.ts';
import type { SeatFeed } from '../queries/seat-feed.ts';
import type { OwnPositions } from '../shared-state/own-positions.ts';
import type { AllowsHost } from './allowed-hosts.ts';
import type { Answer } from './answer.ts';
import type { Connections } from './connections.ts';
import type { Exchange } from './exchange.ts';
import type { Gate } from './gate.ts';
import type { KeyBudget } from './key-budget.ts';
import type { Outbox } from './outbox.ts';
import type { ProblemCode } from './problems.ts';
import type { Readiness } from './readiness.ts';
import type { SeatStreams } from './seat-streams.ts';
import type { ShopRooms } from './shop-rooms.ts';
import { shortEpoch } from './told-position.ts';

/** The parts that the HTTP layer needs. */
export interface HttpDeps {
  readonly sales: BuyerCommands;
  readonly rooms: ShopRooms;
  /** Can users who wait in a room buy nothing more? Must be fast. Default: they can always buy. */
  readonly isSoldOut?: (room: string) => boolean;
  readonly reads: ReadSide;
  readonly seatFeed: SeatFeed;
  readonly idempotencyKeys: IdempotencyKeys;
  readonly ownPositions: OwnPositions;
  /**
   * The position that the read side must reach to show everything that is in the log now. @throws
   * EventStoreUnavailable
   */
  readonly logEnd: () => Promise<bigint | null>;
  /** The state of every projection in the database. @throws when PostgreSQL gives no answer */
  readonly projections: () => Promise<readonly ProjectionState[]>;
  /** The number of rows that are known to differ from the log. */
  readonly rowsWrong: () => number;
  /** The epoch of a log that was restored from a backup. Default: no restore, no epoch. */
  readonly epoch?: () => string | undefined;
  /**
   * Is the sale closed after a restore? It stays closed until an operator opens it. Default: open.
   */
  readonly isSaleClosed?: () => boolean;
  readonly clock: () => ClockStatus;
  /** Settings of Redis that do not fit the queue, from the last check. Default none. */
  readonly queueWarnings?: () => readonly string[];
  /** Milliseconds since the epoch. Default `Date.now`. */
  readonly now?: () => number;
  /** The dependencies that must answer before the service is ready, by the name in `/readyz`. */
  readonly probes: Readonly<Record<string, Probe>>;
  readonly log: Logger;
  /** The service logs one of so many ordinary requests. Default: none. */
  readonly logSample?: number;
  /** Default nothing is counted. */
  readonly counts?: AnswerCounts;
  /** Default any. */
  readonly allowsHost?: AllowsHost;
  /** New idempotency keys of a user in an hour. Default no bound. */
  readonly idempotencyKeysMax?: number;
}

/** Counts each answer. Every request calls it, so it must be fast. */
export interface AnswerCounts {
  /**
   * @param call an endpoint's name, or `none`
   * @param seconds from the request's headers to the answer's
   */
  answered(call: string, status: number, seconds: number): void;
  refused(code: ProblemCode): void;
}

/** Answers within `timeoutMs` whether a dependency can be reached. */
export type Probe = (timeoutMs: number) => Promise<boolean>;

/** What the routes work with: the ports, and the own state of the HTTP layer. */
export interface ApiContext extends HttpDeps {
  readonly seatStreams: SeatStreams;
  /** For queries about the past. The service computes each of them again. */
  readonly pastGate: Gate;
  readonly connections: Connections;
  readonly outbox: Outbox;
  readonly keyBudget: KeyBudget;
  readonly readiness: () => Promise<Readiness>;
  /** The OpenAPI document. */
  readonly document: PreparedBody;
}

/** A request's parts after the check by their schemas. Members that no schema names are removed. */
export interface Input<P, Q, H, B> {
  readonly params: P;
  readonly query: Q;
  readonly headers: H;
  readonly body: B;
}

/**
 * One call of the API: its path, its input, its answers, and its handler. The OpenAPI document
 * comes from the same schemas that check the request.
 */
export interface Endpoint<P = unknown, Q = unknown, H = unknown, B = unknown> {
  /** Names the call in the document. */
  readonly name: string;
  readonly method: 'get' | 'post' | 'delete';
  /** In OpenAPI's form: `/concert/{concertId}/seat`. */
  readonly path: string;
  readonly summary: string;
  readonly params?: z.ZodType<P>;
  readonly query?: z.ZodType<Q>;
  /** By lower-case name. */
  readonly headers?: z.ZodType<H>;
  readonly body?: z.ZodType<B>;
  /** Shape of the 200. */
  readonly answer: z.ZodType;
  /** Its media type. Default application/json. */
  readonly answerType?: 'text/event-stream';
  /** The 200 and its ETag come from a prepared body: the call may answer 304. */
  readonly revalidates?: boolean;
  /** The 200 carries X-Event-Position. */
  readonly positioned?: boolean;
  /** The 200 carries Retry-After at times. */
  readonly mayRetry?: boolean;
  /**
   * A GET that changes something. HEAD is refused, because its sender expects that nothing changes.
   */
  readonly takesNoHead?: boolean;
  /**
   * Codes of its refusals, in addition to those that its parts imply (malformed fields or bodies).
   */
  readonly problems: readonly ProblemCode[];
  handle(api: ApiContext, input: Input<P, Q, H, B>, exchange: Exchange): Answer | Promise<Answer>;
}

/**
 * The mark that distinguishes positions and ETags of this log from those of another log; '' for a
 * log that was never restored.
 */
export const epochOf = ({ epoch }: Pick<HttpDeps, 'epoch'>): string => shortEpoch(epoch?.());

/** Does the call change anything? */
export const isCommand = ({ method }: Pick<Endpoint, 'method'>): boolean => method !== 'get';

/** Lets TypeScript infer the parts' types from their schemas. */
export const endpoint = <P = unknown, Q = unknown, H = unknown, B = unknown>(
  definition: Endpoint<P, Q, H, B>,
): Endpoint => definition;
