import type { ServerResponse } from 'node:http';
import type { Refusal } from '../commands/core/result.ts';
import type { PreparedBody } from '../queries/read-side.ts';
import { retryMsOf } from './event-source.ts';
import { httpLimits } from './limits.ts';
import type { Outbox } from './outbox.ts';
import { type ProblemCode, type ProblemDetails, problemBody, problemKind } from './problems.ts';
import type { SeatStream } from './seat-streams.ts';

/** What a route answers. */
export type Answer =
  | JsonAnswer
  | PreparedAnswer
  | ProblemAnswer
  | StoredAnswer
  | StreamAnswer
  | TextAnswer;

/**
 * What the service can send. A prepared body is among them only after `negotiate` has chosen its
 * form.
 */
export type Sendable =
  | Exclude<Answer, PreparedAnswer>
  | RepresentationAnswer
  | NotModifiedAnswer
  | ProblemEventAnswer;

/** 200 with a JSON value; never stored by caches. `position` goes out as X-Event-Position. */
export interface JsonAnswer {
  readonly kind: 'json';
  readonly value: unknown;
  readonly position: string | null;
  /** Header lines in addition to the usual ones. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** 200 with a prepared body, or 304: `negotiate` decides. */
export interface PreparedAnswer {
  readonly kind: 'prepared';
  readonly prepared: PreparedBody;
  /** Made for this one request: no other client gets it. */
  readonly isOnce: boolean;
}

export interface RepresentationAnswer {
  readonly kind: 'representation';
  /** The body, in order. */
  readonly parts: readonly Buffer[];
  readonly etag: string;
  /** By gzip. */
  readonly isCompressed: boolean;
  readonly isOnce: boolean;
}

export interface NotModifiedAnswer {
  readonly kind: 'not-modified';
  readonly etag: string;
}

/** 200 with server-sent events, for as long as the client stays. */
export interface StreamAnswer {
  readonly kind: 'stream';
  readonly stream: SeatStream;
  /** Sent at once. */
  readonly first: string;
}

export interface ProblemAnswer {
  readonly kind: 'problem';
  readonly code: ProblemCode;
  readonly details: ProblemDetails;
  /** Header lines in addition to the usual ones. */
  readonly headers: Readonly<Record<string, string>>;
}

/** 200 with a problem as the one event of a stream, for an EventSource. */
export interface ProblemEventAnswer {
  readonly kind: 'problem-event';
  readonly problem: ProblemAnswer;
}

/** An answer to a request with an idempotency key, the same each time. */
export interface StoredAnswer extends Rendered {
  readonly kind: 'stored';
  /** The service gave it before, and sends it with Idempotent-Replayed. */
  readonly replayed: boolean;
  /** Of a problem that is given for the first time. */
  readonly code?: ProblemCode | undefined;
}

/** An answer that is no JSON. */
export interface TextAnswer extends Rendered {
  readonly kind: 'text';
}

/** What a client gets, without the parts that every answer has. */
export interface Rendered {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

export const json = (value: unknown, position: string | null = null): JsonAnswer => ({
  kind: 'json',
  value,
  position,
});

export const prepared = (body: PreparedBody, { isOnce = false } = {}): PreparedAnswer => ({
  kind: 'prepared',
  prepared: body,
  isOnce,
});

export const text = (type: string, body: string): TextAnswer => ({
  kind: 'text',
  status: 200,
  headers: { 'Content-Type': type },
  body,
});

export const problem = (
  code: ProblemCode,
  details: ProblemDetails,
  headers: Readonly<Record<string, string>> = {},
): ProblemAnswer => ({ kind: 'problem', code, details, headers });

const tooManyWait = problem('too-many-lists', {
  detail:
    'Too many slow clients have not read their lists yet. Try again, with Accept-Encoding: gzip if you can.',
});

/** The shop's refusals keep their code and sentence, and say when to try again. */
export const refused = ({ code, detail, retryAfterSeconds }: Refusal): ProblemAnswer =>
  retryAfterSeconds === undefined
    ? problem(code, { detail })
    : problem(code, { detail, retryAfterSeconds }, { 'Retry-After': String(retryAfterSeconds) });

/**
 * On every answer. No answer is a page, so a browser must not run it, frame it, or guess its type.
 */
const security = [
  'X-Content-Type-Options',
  'nosniff',
  'Content-Security-Policy',
  "default-src 'none'; frame-ancestors 'none'",
];

/** Lines of every answer that a client cannot revalidate. */
export const uncached = [...security, 'Cache-Control', 'no-store'];
/** Lines of a 200 that comes with an ETag, and of the 304. */
export const revalidated = [...security, 'Cache-Control', 'no-cache', 'Vary', 'Accept-Encoding'];
const jsonType = ['Content-Type', 'application/json'];

/** What was sent, for the log; `code` of a problem. */
export interface Sent {
  readonly status: number;
  readonly code?: ProblemCode | undefined;
}

/** The status, lines and text of a JSON answer or a problem. */
export function render(answer: JsonAnswer | ProblemAnswer, requestId: string): Rendered {
  if (answer.kind === 'json') {
    const { value, position } = answer;
    const headers = { 'Content-Type': 'application/json', ...answer.headers };
    return {
      status: 200,
      headers: position === null ? headers : { ...headers, 'X-Event-Position': position },
      body: JSON.stringify(value),
    };
  }
  const { code, details } = answer;
  const { status, headers } = problemKind(code);
  return {
    status,
    headers: { 'Content-Type': 'application/problem+json', ...headers, ...answer.headers },
    body: problemBody(code, details, requestId),
  };
}

/**
 * Sends an answer with one `writeHead` and one `end`. It does not use Express's `res.json`, which
 * costs about a tenth of the service's throughput. Header lines are flat pairs, because Node writes
 * these without changing them. If a list has no room in the outbox, the answer is 503.
 */
export function send(
  res: ServerResponse,
  answer: Sendable,
  requestId: string,
  outbox: Outbox,
): Sent {
  switch (answer.kind) {
    case 'json':
      return sendRendered(res, render(answer, requestId), requestId, []);
    case 'problem':
      return {
        ...sendRendered(res, render(answer, requestId), requestId, []),
        code: answer.code,
      };
    case 'text':
      return sendRendered(res, answer, requestId, []);
    case 'stored':
      return {
        ...sendRendered(res, answer, requestId, answer.replayed ? replayed : []),
        code: answer.code,
      };
    case 'representation':
      return sendParts(res, answer, requestId, outbox);
    case 'not-modified':
      res.writeHead(304, [...revalidated, 'ETag', answer.etag, 'X-Request-Id', requestId]);
      res.end();
      return { status: 304 };
    case 'problem-event': {
      const { status, headers, body } = render(answer.problem, requestId);
      const retry = `retry: ${retryMsOf(headers)}`;
      const event = text('text/event-stream', `${retry}\nevent: problem\ndata: ${body}\n\n`);
      sendRendered(res, event, requestId, []);
      return { status, code: answer.problem.code };
    }
    case 'stream':
      res.socket?.setTimeout(httpLimits.seatStreamSilenceMs);
      res.writeHead(200, [...eventStreamHead, 'X-Request-Id', requestId]);
      if (res.req.method === 'HEAD') answer.stream.end();
      answer.stream.start(res, answer.first);
      return { status: 200 };
  }
}

/** Keeps nginx from collecting events. */
export const unbuffered = ['X-Accel-Buffering', 'no'];
const eventStreamHead = ['Content-Type', 'text/event-stream', ...uncached, ...unbuffered];

const replayed = ['Idempotent-Replayed', 'true'];

function sendRendered(
  res: ServerResponse,
  { status, headers, body }: Rendered,
  requestId: string,
  more: readonly string[],
): Sent {
  const head: string[] = [];
  for (const name in headers) head.push(name, headers[name] as string);
  head.push(...uncached, ...more, 'X-Request-Id', requestId);
  return write(res, status, head, body);
}

function sendParts(
  res: ServerResponse,
  { parts, etag, isCompressed, isOnce }: RepresentationAnswer,
  requestId: string,
  outbox: Outbox,
): Sent {
  let length = 0;
  for (const part of parts) length += part.length;
  const isLarge = length > httpLimits.answerStretchBytes && res.req.method !== 'HEAD';
  if (isLarge && !outbox.hasRoom(parts, isOnce ? httpLimits.pastWaitingShare : 1)) {
    return send(res, tooManyWait, requestId, outbox);
  }
  const coding = isCompressed ? ['Content-Encoding', 'gzip'] : [];
  const head = [...jsonType, ...coding, ...revalidated, 'ETag', etag, 'X-Request-Id', requestId];
  head.push('Content-Length', String(length));
  res.writeHead(200, head);
  if (isLarge) {
    outbox.send(res, parts);
  } else {
    const last = parts.length - 1;
    for (let at = 0; at < last; at += 1) res.write(parts[at]);
    res.end(parts[last]);
  }
  return { status: 200 };
}

function write(res: ServerResponse, status: number, head: string[], body: string): Sent {
  head.push('Content-Length', String(Buffer.byteLength(body)));
  res.writeHead(status, head);
  res.end(body);
  return { status };
}

/** Answers OPTIONS: what the path takes, without a body. */
export function sendAllow(res: ServerResponse, allow: string, requestId: string): void {
  res.writeHead(204, [...security, 'Allow', allow, 'X-Request-Id', requestId]);
  res.end();
}

/** A whole response for a socket that sent no complete request. */
export function rawProblem(code: ProblemCode, detail: string, requestId: string): string {
  const { status, headers, body } = render(problem(code, { detail }), requestId);
  const head = [
    ...Object.entries(headers).flat(),
    ...uncached,
    ...['X-Request-Id', requestId, 'Connection', 'close'],
    ...['Content-Length', String(Buffer.byteLength(body))],
  ];
  const lines = [`HTTP/1.1 ${status} ${problemKind(code).title.replaceAll('’', "'")}`];
  for (let at = 0; at < head.length; at += 2) lines.push(`${head[at]}: ${head[at + 1]}`);
  return `${lines.join('\r\n')}\r\n\r\n${body}`;
}
