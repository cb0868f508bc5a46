import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { CommandContext } from '../commands/core/command-context.ts';
import { requestMaxMs } from '../commands/core/deadline.ts';
import { whenOver } from './over.ts';

/** Data about one request, in addition to its parts. It is Express's `res.locals`. */
export interface Exchange {
  /** From a well-formed X-Request-Id, else random; echoed, and the events' correlation id. */
  readonly requestId: string;
  /** `performance.now()` when its headers had arrived. */
  readonly startedMs: number;
  /** W3C trace context, when well-formed. */
  readonly traceparent: string | undefined;
  /** Name of the endpoint that took it; before that, and of what none takes, `none`. */
  call: string;
  /** Aborted when it was answered, or its client went away. */
  over(): AbortSignal;
}

/** Also a valid relative URI, so that it can be a problem's `instance`. */
const requestIdPattern = /^[A-Za-z0-9._-]{1,128}$/;

/** Version, trace id, parent id, flags (W3C Trace Context): no version ff, no ids of zeros. */
const traceparentPattern =
  /^(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/;

/** A class, since a request costs less than with a function of its own. */
class Begun implements Exchange {
  readonly requestId: string;
  readonly startedMs = performance.now();
  readonly traceparent: string | undefined;
  call = 'none';
  readonly #res: ServerResponse;

  constructor({ headers }: IncomingMessage, res: ServerResponse) {
    const { 'x-request-id': given, traceparent } = headers;
    const isGiven = typeof given === 'string' && requestIdPattern.test(given);
    const isTraced = typeof traceparent === 'string' && traceparentPattern.test(traceparent);
    this.requestId = isGiven ? given : randomUUID();
    this.traceparent = isTraced ? traceparent : undefined;
    this.#res = res;
  }

  /** Made when it is asked for: few calls have work that is worth being given up. */
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
