import { revalidated, unbuffered, uncached } from './answer.ts';
import type { Endpoint } from './endpoint.ts';
import { isRepeated, type ProblemCode, problemKind } from './problems.ts';

type Json = { readonly [name: string]: unknown };

/** What each header of an answer means. */
const meanings = {
  'Cache-Control': '`no-cache` where there is an ETag, else `no-store`.',
  'Content-Encoding': '`gzip`, if the client accepts it, for bodies of 1 KiB and more.',
  'Content-Security-Policy':
    'The API answers with data, not with web pages. So a browser must load nothing for an answer.',
  ETag: 'Identifies the bytes of this answer, for If-None-Match.',
  'Idempotent-Replayed':
    '`true`: an earlier request with the same Idempotency-Key got this answer.',
  'Retry-After': 'Seconds after which to try again.',
  Vary: 'Each coding has its own ETag.',
  'WWW-Authenticate': 'Names the scheme of the header AuthorizationWaiting.',
  'X-Accel-Buffering': '`no`: a proxy must send each event at once.',
  'X-Content-Type-Options': '`nosniff`.',
  'X-Event-Position': 'The position of the call’s events in the log, for X-Min-Event-Position.',
  'X-Request-Id':
    'The request’s id: the id that the client sent if it was well-formed, else a new one.',
} as const;

type Name = keyof typeof meanings;

/**
 * The name for answers that always have the header. The name without `-always` is for answers that
 * sometimes have it.
 */
const always = (name: Name): string => `${name}-always`;

/** `components.headers`: the headers that the document refers to. */
export function describedHeaders(document: Json): Json {
  const text = JSON.stringify(document);
  const all = Object.entries(meanings).flatMap(([name, description]) => {
    const header = { description, schema: { type: 'string' } };
    return [
      [name, header],
      [always(name as Name), { ...header, required: true }],
    ] as const;
  });
  return Object.fromEntries(all.filter(([name]) => text.includes(`"${referenceTo(name)}"`)));
}

const referenceTo = (name: string): string => `#/components/headers/${name}`;

/** The names in flat pairs of header lines. */
const namesIn = (head: readonly string[]): Name[] => head.filter((_, at) => at % 2 === 0) as Name[];

function headers(alwaysThere: readonly Name[], atTimes: readonly Name[] = []): Json {
  const reference = (name: string) => ({ $ref: referenceTo(name) });
  return Object.fromEntries([
    ...[...alwaysThere, 'X-Request-Id' as const].map((name) => [name, reference(always(name))]),
    ...atTimes.map((name) => [name, reference(name)]),
  ]);
}

/** @param isKeyed can the answer be a repeated one? */
export function headersOfSuccess(call: Endpoint, isKeyed: boolean): Json {
  if (call.revalidates) return headers([...namesIn(revalidated), 'ETag'], ['Content-Encoding']);
  const position = call.positioned ? (['X-Event-Position'] as const) : [];
  return headers(
    [...namesIn(uncached), ...position],
    [
      ...(isKeyed ? (['Idempotent-Replayed'] as const) : []),
      ...(call.mayRetry ? (['Retry-After'] as const) : []),
      ...(call.answerType === 'text/event-stream' ? namesIn(unbuffered) : []),
    ],
  );
}

export const headersOf304 = (): Json => headers([...namesIn(revalidated), 'ETag']);

/** @param codes that come with one status */
export function headersOfProblems(codes: readonly ProblemCode[], isKeyed: boolean): Json {
  const own = codes.map((code) => Object.keys(problemKind(code).headers ?? {}) as Name[]);
  const retries = codes.some((code) => problemKind(code).mayRetry) ? ['Retry-After' as const] : [];
  const some = [...new Set([...own.flat(), ...retries])];
  const every = some.filter((name) => own.every((names) => names.includes(name)));
  const atTimes = some.filter((name) => !every.includes(name));
  if (isKeyed && codes.some(isRepeated)) atTimes.push('Idempotent-Replayed');
  return headers([...namesIn(uncached), ...every], atTimes);
}

/**
 * `components.parameters`: headers that are read from the requests of many calls, independent of
 * their routes.
 */
export const commonParameters = {
  'X-Request-Id': parameter(
    'X-Request-Id',
    '1 to 128 characters of `A-Z a-z 0-9 . _ -`; any other value is replaced. Echoed, logged, and stored with the events.',
  ),
  traceparent: parameter('traceparent', 'W3C trace context, stored with the events.'),
  'If-None-Match': parameter('If-None-Match', 'ETags: 304 when the list still has one of them.'),
  'Accept-Encoding': parameter('Accept-Encoding', '`gzip` is supported.'),
} as const;

function parameter(name: string, description: string): Json {
  return { name, in: 'header', required: false, description, schema: { type: 'string' } };
}

/**
 * The common headers that a call reads. Commands store where they come from. Lists can be
 * revalidated and compressed.
 */
export function protocolParameters(call: Endpoint): Json[] {
  const names: (keyof typeof commonParameters)[] = ['X-Request-Id'];
  if (call.positioned) names.push('traceparent');
  if (call.revalidates) names.push('If-None-Match', 'Accept-Encoding');
  return names.map((name) => ({ $ref: `#/components/parameters/${name}` }));
}
