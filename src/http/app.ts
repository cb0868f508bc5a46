import type { IncomingMessage, ServerResponse } from 'node:http';
import { SpanStatusCode } from '@opentelemetry/api';
import express, { type Express, type Request, type Response } from 'express';
import { within } from '../support/time-limit.ts';
import {
  type Answer,
  type ProblemAnswer,
  problem,
  type Sendable,
  type Sent,
  send,
  sendAllow,
} from './answer.ts';
import { bornRequests } from './born-requests.ts';
import {
  type AnswerCounts,
  type ApiContext,
  type Endpoint,
  epochOf,
  isCommand,
} from './endpoint.ts';
import { endpoints } from './endpoints.ts';
import { asEvent, takesEvents } from './event-source.ts';
import type { Exchange } from './exchange.ts';
import { negotiate } from './negotiate.ts';
import type { Outbox } from './outbox.ts';
import { type FieldError, problemOfError, unknownOutcome } from './problems.ts';
import { readJson } from './read-json.ts';
import type { RequestLog } from './request-log.ts';
import { fieldErrors, type Part } from './validate.ts';

/**
 * What the app needs of a response: Express's own, with what `server.ts` knows of the request in
 * `locals`, and the parts of its server.
 */
export type Reply = ServerResponse & { locals: Exchange; readonly servedBy: ServedBy };

/** The parts that answer a request. */
export interface ServedBy {
  readonly api: ApiContext;
  readonly respond: Respond;
}

/**
 * Sends an answer, logs it and counts it. If half of an answer was already sent, it closes the
 * connection.
 */
export type Respond = (req: IncomingMessage, res: Reply, answer: Sendable, error?: unknown) => void;

export function createRespond(
  requestLog: RequestLog,
  outbox: Outbox,
  counts: AnswerCounts | undefined,
): Respond {
  return (req, res, answer, error) => {
    const exchange = res.locals;
    const sent = res.headersSent ? cut(res) : send(res, answer, exchange.requestId, outbox);
    const tookMs = performance.now() - exchange.startedMs;
    requestLog(req, exchange, sent, tookMs, error);
    counts?.answered(exchange.call, sent.status, tookMs / 1_000);
    if (sent.code !== undefined) counts?.refused(sent.code);
    endSpan(exchange, sent);
  };
}

function endSpan({ span, call, requestId }: Exchange, { status, code }: Sent): void {
  if (!span.isRecording()) return;
  span.updateName(call);
  span.setAttributes({ 'http.response.status_code': status, 'reprise.request_id': requestId });
  if (code !== undefined) span.setAttribute('reprise.problem', code);
  if (status >= 500) span.setStatus({ code: SpanStatusCode.ERROR });
  span.end();
}

function cut(res: Reply): Sent {
  res.destroy();
  return { status: 500 };
}

/**
 * The Express app, and options for `http.createServer` that belong to it. The app has no parts of
 * its own: each request brings those that answer it. So servers with different parts run the same
 * compiled code, and a rehearsal on one of them makes the other one fast.
 */
export interface App {
  readonly express: Express;
  readonly born: ReturnType<typeof bornRequests>;
}

/**
 * One route per path and nothing before the routes. The caller handles requests that no route takes
 * (`unrouted`).
 */
export function createApp(timeoutMs: number): App {
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  app.enable('case sensitive routing');
  app.enable('strict routing');
  for (const path of new Set(endpoints.map((call) => call.path))) {
    const calls = endpoints.filter((call) => call.path === path);
    const route = app.route(path.replaceAll(/\{(\w+)\}/g, ':$1'));
    if (calls.some((call) => call.takesNoHead)) route.head(otherMethods(calls));
    for (const call of calls) route[call.method](expressHandler(call, timeoutMs));
    route.all(otherMethods(calls));
  }
  return { express: app, born: bornRequests(app) };
}

/**
 * Answers a request that no route took: after an error in Express, or because there is no such
 * path.
 */
export function unrouted(req: IncomingMessage, res: Reply, respond: Respond, error: unknown): void {
  if (error === undefined || error === null) {
    respond(
      req,
      res,
      problem('path-not-found', { detail: 'See GET /openapi.json for the paths.' }),
    );
  } else {
    respond(req, res, problemOf(error), error);
  }
}

function expressHandler(call: Endpoint, timeoutMs: number) {
  return async (req: Request, res: Response): Promise<void> => {
    const reply = res as unknown as Reply;
    const { api, respond } = reply.servedBy;
    reply.locals.call = call.name;
    const isEventSource = call.answerType === 'text/event-stream' && takesEvents(req);
    try {
      const given = await answer(call, api, req, reply.locals, timeoutMs);
      const chosen =
        given.kind === 'prepared' ? await negotiate(given, req.headers, epochOf(api)) : given;
      respond(req, reply, isEventSource ? asEvent(chosen) : chosen);
    } catch (error) {
      const failed = problemOf(error);
      respond(req, reply, isEventSource ? asEvent(failed) : failed, error);
    }
  };
}

const parts = ['params', 'query', 'headers', 'body'] as const satisfies readonly Part[];

/** Checks the request's parts by their schemas, then lets the call handle them. */
async function answer(
  call: Endpoint,
  api: ApiContext,
  req: Request,
  exchange: Exchange,
  timeoutMs: number,
): Promise<Answer> {
  const input: Record<Part, unknown> = {
    params: undefined,
    query: undefined,
    headers: undefined,
    body: undefined,
  };
  const errors: FieldError[] = [];
  for (const part of parts) {
    const schema = call[part];
    if (schema === undefined) continue;
    let given: unknown;
    if (part === 'body') {
      const body = await readJson(req);
      if (!body.ok) return body.refusal;
      given = body.value;
    } else {
      given = req[part];
    }
    const parsed = schema.safeParse(given);
    if (parsed.success) input[part] = parsed.data;
    else errors.push(...fieldErrors(part, given, schema));
  }
  if (errors.length > 0) {
    const detail = errors.map(({ field, message }) => `${field} ${message}`).join('; ');
    return problem('invalid-request', { detail, errors });
  }
  if (isCommand(call) && api.isSaleClosed?.()) {
    return problem('sale-closed', {
      detail: 'The log was restored from a backup, and nobody has opened the sale yet.',
    });
  }
  const handled = call.handle(api, input, exchange);
  return handled instanceof Promise ? inTime(timeoutMs, handled) : handled;
}

/** The answer, or a 503 if the answer takes too long. A result that comes later is ignored. */
function inTime(timeoutMs: number, handled: Promise<Answer>): Promise<Answer> {
  return within(timeoutMs, handled, () => {
    const endStream = (given: Answer) => given.kind === 'stream' && given.stream.end();
    handled.then(endStream, () => {});
    return problem('no-answer-in-time', { detail: unknownOutcome });
  });
}

function problemOf(error: unknown): ProblemAnswer {
  const { code, detail } = problemOfError(error) ?? {
    code: 'internal-error',
    detail: 'The service has logged the error with the id in `instance`.',
  };
  return problem(code, { detail });
}

/**
 * The answer to methods that a path does not have: OPTIONS lists the methods of the path, any other
 * method is 405.
 */
function otherMethods(calls: readonly Endpoint[]) {
  const methods = calls.map(({ method }) => method.toUpperCase());
  if (methods.includes('GET') && !calls.some((call) => call.takesNoHead)) methods.push('HEAD');
  const allow = [...methods, 'OPTIONS'].join(', ');
  return (req: Request, res: Response): void => {
    const reply = res as unknown as Reply;
    if (req.method === 'OPTIONS') sendAllow(reply, allow, reply.locals.requestId);
    else {
      const detail = `This path supports ${allow}.`;
      const { respond } = reply.servedBy;
      respond(req, reply, problem('method-not-allowed', { detail }, { Allow: allow }));
    }
  };
}
