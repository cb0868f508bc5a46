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

/** What the HTTP layer is built on. */
export interface HttpDeps {
  readonly sales: BuyerCommands;
  readonly rooms: ShopRooms;
  /** Is nothing left to buy for those who wait in a room? Costs nothing. Default never. */
  readonly isSoldOut?: (room: string) => boolean;
  readonly reads: ReadSide;
  readonly seatFeed: SeatFeed;
  readonly idempotencyKeys: IdempotencyKeys;
  readonly ownPositions: OwnPositions;
  /**
   * What the read side has to reach to show everything that is in the log by now. @throws
   * EventStoreUnavailable
   */
  readonly logEnd: () => Promise<bigint | null>;
  /** Every projection as the database has it. @throws when PostgreSQL gives no answer */
  readonly projections: () => Promise<readonly ProjectionState[]>;
  /** Rows that are known not to be what the log says. */
  readonly rowsWrong: () => number;
  /** Of a log that was restored from a backup. Default: it never was. */
  readonly epoch?: () => string | undefined;
  /**
   * Nothing is sold until somebody has looked at what a restored log lacks. Default: it is open.
   */
  readonly isSaleClosed?: () => boolean;
  readonly clock: () => ClockStatus;
  /** What of Redis does not suit the queue, as known at the last look. Default nothing. */
  readonly queueWarnings?: () => readonly string[];
  /** Milliseconds since the epoch. Default `Date.now`. */
  readonly now?: () => number;
  /** What must answer before the service is ready, by the name that `/readyz` shows. */
  readonly probes: Readonly<Record<string, Probe>>;
  readonly log: Logger;
  /** One of so many ordinary requests is logged. Default none is. */
  readonly logSample?: number;
  /** Default nothing is counted. */
  readonly counts?: AnswerCounts;
  /** Default any. */
  readonly allowsHost?: AllowsHost;
  /** New idempotency keys of a user in an hour. Default no bound. */
  readonly idempotencyKeysMax?: number;
}

/** Told of each answer, on the way of every request: it has to be quick. */
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

/** What the routes work with: the ports, and what the HTTP layer keeps itself. */
export interface ApiContext extends HttpDeps {
  readonly seatStreams: SeatStreams;
  /** For queries of the past, which are made anew each time. */
  readonly pastGate: Gate;
  readonly connections: Connections;
  readonly outbox: Outbox;
  readonly keyBudget: KeyBudget;
  readonly readiness: () => Promise<Readiness>;
  /** The OpenAPI document. */
  readonly document: PreparedBody;
}

/** A request's parts after their schemas: what a schema does not name is not there. */
export interface Input<P, Q, H, B> {
  readonly params: P;
  readonly query: Q;
  readonly headers: H;
  readonly body: B;
}

/**
 * One call of the API: where it is, what it takes, what it answers, and what it does. The OpenAPI
 * document is made from the same schemas that check the request.
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
 * What positions and ETags of this log are told from another log's by; '' for a log that was never
 * restored.
 */
export const epochOf = ({ epoch }: Pick<HttpDeps, 'epoch'>): string => shortEpoch(epoch?.());

/** Does the call change anything? */
export const isCommand = ({ method }: Pick<Endpoint, 'method'>): boolean => method !== 'get';

/** Lets TypeScript infer the parts' types from their schemas. */
export const endpoint = <P = unknown, Q = unknown, H = unknown, B = unknown>(
  definition: Endpoint<P, Q, H, B>,
): Endpoint => definition;
