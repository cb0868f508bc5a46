import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Span } from '@opentelemetry/api';
import type { CommandContext } from '../commands/core/command-context.ts';
import { requestMaxMs } from '../commands/core/deadline.ts';
import { isTraceparent, requestSpan, traceparentOf } from '../tracing/spans.ts';
import { whenOver } from './over.ts';

/** Data about one request, in addition to its parts. It is Express's `res.locals`. */
export interface Exchange {
  /**
   * From a well-formed X-Request-Id, else random. The answer has it, and it is the events'
   * correlation id.
   */
  readonly requestId: string;
  /** `performance.now()` when its headers had arrived. */
  readonly startedMs: number;
  /**
   * W3C trace context. If spans are recorded, it is the one of the request's span, else the
   * client's, if well-formed.
   */
  readonly traceparent: string | undefined;
  /** Ends when it is answered. */
  readonly span: Span;
  /**
   * Name of the endpoint that handles the request. `none` before an endpoint is found, and if there
   * is none.
   */
  call: string;
  /** Aborted when it was answered, or its client went away. */
  over(): AbortSignal;
}

/** Also a valid relative URI, so that it can be a problem's `instance`. */
const requestIdPattern = /^[A-Za-z0-9._-]{1,128}$/;

/** A class, because a closure per request would cost more. */
class Begun implements Exchange {
  readonly requestId: string;
  readonly startedMs = performance.now();
  readonly traceparent: string | undefined;
  readonly span: Span;
  call = 'none';
  readonly #res: ServerResponse;

  constructor({ headers }: IncomingMessage, res: ServerResponse) {
    const { 'x-request-id': given, traceparent } = headers;
    const isGiven = typeof given === 'string' && requestIdPattern.test(given);
    const sent = isTraceparent(traceparent) ? traceparent : undefined;
    this.requestId = isGiven ? given : randomUUID();
    this.span = requestSpan(sent);
    this.traceparent = traceparentOf(this.span) ?? sent;
    this.#res = res;
  }

  /** Made only on demand, because few calls have work that is worth stopping. */
  over(): AbortSignal {
    const over = new AbortController();
    whenOver(this.#res, () => over.abort());
    return over.signal;
  }
}

export const beginExchange = (req: IncomingMessage, res: ServerResponse): Exchange =>
  new Begun(req, res);

/** Metadata for the events, and the deadline of the request's command, which begins now. */
export function commandContext(commandId: string, exchange: Exchange): CommandContext {
  const deadlineMs = performance.now() + requestMaxMs;
  const context = { commandId, correlationId: exchange.requestId, deadlineMs };
  const { traceparent } = exchange;
  return traceparent === undefined ? context : { ...context, traceparent };
}
