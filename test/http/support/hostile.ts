import { endpoints } from '../../../src/http/endpoints.ts';
import { openapiDocument } from '../../../src/http/openapi.ts';

interface Parameter {
  readonly name: string;
  readonly in: string;
}

/** The parameters of each call, by the document that is made from its schemas. */
const parameters = ((): ReadonlyMap<string, readonly Parameter[]> => {
  const { paths } = openapiDocument() as {
    paths: Record<string, Record<string, { operationId: string; parameters: Parameter[] }>>;
  };
  const operations = Object.values(paths).flatMap((verbs) => Object.values(verbs));
  return new Map(operations.map((one) => [one.operationId, one.parameters]));
})();

/** A sequence of numbers from 0 up to 1, the same for the same seed (mulberry32). */
export function numbersFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const good = ['1', '11', 'A-1-1', '7', '11.A-1-1.1', 'order.abc', 'true', '2026-10-02T00:00:00Z'];
const nasty = [
  ...['', '0', '-1', '1e309', '9'.repeat(19), '9007199254740993', 'NaN', 'null', 'undefined'],
  ...['__proto__', 'constructor', '..', '../../etc/passwd', '%00', '%', '%zz', '%ff', '%c0%ae'],
  ...["' OR 1=1--", '<script>', '{{7*7}}', '\u202e', '\ud83d', 'é', 'x'.repeat(300)],
  ...['a b', 'a\tb', '\\', '"', ';', ',', '*', '🎫', '[]', '{}', '/', '//', '?', '#', '.', '1.1.0'],
];
const methods = ['GET', 'POST', 'DELETE', 'PUT', 'PATCH', 'HEAD', 'OPTIONS', 'TRACE', 'PROPFIND'];
const headerNames = [
  ...['AuthorizationWaiting', 'Idempotency-Key', 'X-Min-Event-Position', 'X-Request-Id'],
  ...['traceparent', 'If-None-Match', 'Accept-Encoding', 'Accept', 'Last-Event-ID', 'Origin'],
  ...['Content-Type', 'Content-Encoding', 'Content-Length', 'Transfer-Encoding', 'Expect'],
  ...['Host', 'Connection', 'Upgrade', 'Range', 'X-Forwarded-Host', 'X-HTTP-Method-Override', 'TE'],
];
const headerValues = [
  ...['Bearer token-7', 'Bearer ', 'Basic x', 'k', '1', '5', '99999999', 'gzip', 'identity;q=0'],
  ...['chunked', 'gzip, chunked', 'text/event-stream', 'application/json', 'text/plain'],
  ...['application/json; charset=utf-16', '100-continue', 'tea', 'close', 'keep-alive', 'h2c'],
  ...['bytes=0-', '*', '"tag-1"', 'W/"x"', '00-', `00-${'1'.repeat(32)}-${'1'.repeat(16)}-01`],
];
const fields = ['concertId', 'sessionId', 'seatId', 'seatIds', 'userId', 'reservationId', 'amount'];
const bodies = [
  ...[
    '',
    '{',
    '[]',
    'null',
    '7',
    '"text"',
    '\ufeff{}',
    '{"userId":7,"userId":8}',
    '{"a":1}garbage',
  ],
  ...[
    '['.repeat(5_000),
    '{"a":'.repeat(3_000),
    ' '.repeat(20_000),
    '\xff\xfe{}',
    '{"amount":1e400}',
  ],
];

/**
 * A request that somebody might send who means no good, as bytes; the same for the same numbers.
 */
export class Hostile {
  readonly #next: () => number;

  constructor(next: () => number) {
    this.#next = next;
  }

  /**
   * @returns one request, or several at once on one connection; whoever sends it says that no
   *   more come
   */
  bytes(): Buffer {
    const count = this.#chance(0.05) ? 3 : 1;
    const requests = Array.from({ length: count }, () => this.#request());
    const tail = this.#chance(0.1) ? this.#of(['\r\n\r\n', '\0', 'GET', 'x'.repeat(20_000)]) : '';
    const whole = Buffer.from(requests.join('') + tail, 'latin1');
    if (this.#chance(0.05)) return whole.subarray(0, Math.floor(this.#next() * whole.length));
    if (this.#chance(0.05) && whole.length > 0) {
      whole[Math.floor(this.#next() * whole.length)] = Math.floor(this.#next() * 256);
    }
    return whole;
  }

  #request(): string {
    const call = this.#of(endpoints);
    const own = call.method.toUpperCase();
    const method = this.#chance(0.8) ? own : this.#of(methods);
    const path = call.path.replaceAll(/\{\w+\}/g, () => encode(this.#value()));
    const named = parameters.get(call.name) ?? [];
    const query = named
      .filter((one) => one.in === 'query' && this.#chance(0.9))
      .map(({ name }) => `${name}=${encode(this.#value())}`);
    if (this.#chance(0.1)) query.push(...query, `${this.#of(nasty)}=${this.#of(nasty)}`);
    const url = `${path}${this.#chance(0.05) ? '/' : ''}${query.length > 0 ? '?' : ''}${query.join('&')}`;
    const target = /[\s\0]/.test(url) && this.#chance(0.9) ? url.replaceAll(/[\s\0]/g, '+') : url;
    const version = this.#chance(0.97) ? '1.1' : this.#of(['0.9', '1.0', '2.0', '1.2', '9', '']);
    const body = call.body === undefined && this.#chance(0.9) ? undefined : this.#body();
    const head = [`${method} ${target} HTTP/${version}`, ...this.#headers(body)];
    const lineEnd = this.#chance(0.98) ? '\r\n' : '\n';
    return `${head.join(lineEnd)}${lineEnd}${lineEnd}${body ?? ''}`;
  }

  #headers(body: string | undefined): string[] {
    const lines = this.#chance(0.97) ? ['Host: x'] : [];
    if (body !== undefined) {
      if (this.#chance(0.9)) lines.push('Content-Type: application/json');
      if (this.#chance(0.95)) lines.push(`Content-Length: ${Buffer.byteLength(body, 'latin1')}`);
      if (this.#chance(0.7)) lines.push('AuthorizationWaiting: Bearer token-7');
      if (this.#chance(0.5)) lines.push(`Idempotency-Key: ${Math.floor(this.#next() * 1e6)}`);
    }
    const more = Math.floor(this.#next() * 3);
    for (let n = 0; n < more; n += 1) {
      const value = this.#chance(0.7) ? this.#of(headerValues) : this.#of(nasty);
      lines.push(`${this.#of(headerNames)}: ${latin1(value)}`);
    }
    return lines;
  }

  #body(): string {
    if (this.#chance(0.2)) return latin1(this.#of(bodies));
    const members = fields
      .filter(() => this.#chance(0.8))
      .map((name) => `${JSON.stringify(name)}:${this.#json()}`);
    if (this.#chance(0.1)) members.push(`${JSON.stringify(this.#of(nasty))}:${this.#json()}`);
    return latin1(`{${members.join()}}`);
  }

  #json(): string {
    const value = this.#value();
    const kinds = [JSON.stringify(value), JSON.stringify([value]), '7', '-1', '1.5', '1e300'];
    return this.#of([...kinds, 'null', 'true', '{}', '[]', JSON.stringify({ a: value })]);
  }

  #value(): string {
    return this.#of(this.#chance(0.8) ? good : nasty);
  }

  #of<T>(all: readonly T[]): T {
    return all[Math.floor(this.#next() * all.length)] as T;
  }

  #chance(share: number): boolean {
    return this.#next() < share;
  }
}

/** Mostly as a client would write it; half of a surrogate pair cannot be. */
function encode(text: string): string {
  return text.includes('%') || /\p{Surrogate}/u.test(text)
    ? latin1(text)
    : encodeURIComponent(text);
}

/** UTF-8 as characters that stand for one byte each. */
const latin1 = (text: string): string => Buffer.from(text).toString('latin1');
