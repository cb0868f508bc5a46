import { requestStream } from '../../events/streams.ts';
import type { CommandContext } from '../core/command-context.ts';
import { CommandHandler, defaultBounds, type HandlerOf } from '../core/command-handler.ts';
import type { EventStore } from '../core/event-store.ts';
import type { Result } from '../core/result.ts';
import {
  answerKeptMs,
  type RequestAnswer,
  type RequestCommand,
  requestDecider,
  type StoredAnswer,
} from './decider.ts';

/**
 * Requests that are kept in memory, for early repetitions, about 1 kB each. Others are read from
 * the log.
 */
const requestsInMemoryMax = 20_000;

/** A request with an idempotency key. The caller chooses the hashes; they must never change. */
export interface KeyedRequest {
  /** Hash of user, route and key; `[A-Za-z0-9_-]`. It names the stream. */
  readonly keyHash: string;
  /** Hash of the request's fields. */
  readonly fingerprint: string;
  /** Hash of the request's token. */
  readonly bearer?: string | undefined;
  readonly context: CommandContext;
}

/** `started`: carry this request out, then answer or abandon it. */
export type Begun =
  | { readonly status: 'started'; readonly startedMs: number }
  | { readonly status: 'answered'; readonly answer: StoredAnswer };

/**
 * Remembers the answers of requests with an idempotency key in the log, for `answerKeptMs`, across
 * restarts and for every instance. If several requests with one key come at the same time, one of
 * them is started. Every method may throw EventStoreUnavailable.
 */
export class IdempotencyKeys {
  readonly #requests: HandlerOf<typeof requestDecider>;
  readonly #now: () => number;

  constructor(store: EventStore, now: () => number) {
    const bounds = { ...defaultBounds, streamsMax: requestsInMemoryMax };
    this.#requests = new CommandHandler(store, requestDecider, { assumeNew: true, bounds });
    this.#now = now;
  }

  /**
   * Refused as `request-running` while the first request has no answer, and as
   * `idempotency-key-reused` if the first request had other fields.
   */
  async start(request: KeyedRequest): Promise<Result<Begun>> {
    const { fingerprint, bearer } = request;
    const startedMs = this.#now();
    const command = { type: 'StartRequest', fingerprint, bearer, nowMs: startedMs } as const;
    const result = await this.#execute(request, command);
    if (!result.ok) return result;
    const { value } = result;
    return { ...result, value: value.status === 'answered' ? value : { ...value, startedMs } };
  }

  /**
   * Stores the answer of a request that was started at `startedMs`.
   * @returns the answer to send. If this request took so long that it counted as dead, this is the
   * answer of another request, or a refusal
   */
  async answer(
    request: KeyedRequest,
    startedMs: number,
    answer: Omit<StoredAnswer, 'at'>,
  ): Promise<Result<StoredAnswer>> {
    const stored = { ...answer, at: new Date(this.#now()).toISOString() };
    const command = { type: 'AnswerRequest', startedMs, answer: stored } as const;
    const result = await this.#execute(request, command);
    if (!result.ok) return result;
    return { ...result, value: result.value.status === 'answered' ? result.value.answer : stored };
  }

  /**
   * Frees the key of a request that was started at `startedMs` and got no repeatable answer. It has
   * no deadline, because the request's deadline may be the reason for the missing answer.
   */
  async abandon(request: KeyedRequest, startedMs: number): Promise<void> {
    const { deadlineMs: _, ...context } = request.context;
    await this.#execute({ ...request, context }, { type: 'AbandonRequest', startedMs });
  }

  /** The stored answer of this request, with the hash of its token. Starts nothing. */
  async recall(
    request: KeyedRequest,
  ): Promise<{ answer: StoredAnswer; bearer: string | undefined } | undefined> {
    const state = await this.#requests.state(requestStream(request.keyHash), { fresh: true });
    if (state.status !== 'answered' || state.fingerprint !== request.fingerprint) return undefined;
    const isKept = this.#now() - Date.parse(state.answer.at) < answerKeptMs;
    return isKept ? { answer: state.answer, bearer: state.bearer } : undefined;
  }

  #execute(request: KeyedRequest, command: RequestCommand): Promise<Result<RequestAnswer>> {
    return this.#requests.execute(requestStream(request.keyHash), command, request.context);
  }
}
