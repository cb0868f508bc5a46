import { createHttpServer, type HttpServer } from '../../../src/http/server.ts';
import { expectDocumented } from './document.ts';
import { type FakeApi, fakeApi } from './fake-api.ts';

export interface Reply {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** The body as JSON; undefined when there is none. */
  // biome-ignore lint/suspicious/noExplicitAny: tests look into bodies of every shape
  readonly body: any;
}

export interface Api {
  readonly fake: FakeApi;
  readonly server: HttpServer;
  readonly port: number;
  /**
   * Sends a request and fails unless the OpenAPI document has its answer. A body that is no text
   * and no bytes is sent as JSON.
   */
  call(
    method: string,
    path: string,
    options?: { headers?: Record<string, string>; body?: unknown },
  ): Promise<Reply>;
  stop(): Promise<void>;
}

/** The real server on a free port, on in-memory ports. */
export async function serveApi(fake: FakeApi = fakeApi()): Promise<Api> {
  const server = createHttpServer(fake);
  const port = await server.listen(0, '127.0.0.1');
  return {
    fake,
    server,
    port,
    async call(method, path, { headers = {}, body } = {}) {
      const asItIs = typeof body === 'string' || Buffer.isBuffer(body);
      const sent = asItIs ? body : JSON.stringify(body);
      const response = await fetch(`http://127.0.0.1:${port}${path}`, {
        method,
        headers: { ...(body === undefined ? {} : jsonType), ...headers },
        ...(sent === undefined ? {} : { body: sent }),
      });
      const text = await response.text();
      expectDocumented(method, path.split('?')[0] ?? '', {
        status: response.status,
        headers: response.headers,
        type: response.headers.get('content-type'),
        requestId: response.headers.get('x-request-id'),
        body: text,
        replayed: response.headers.has('idempotent-replayed'),
      });
      const parsed = text === '' ? undefined : JSON.parse(text);
      return { status: response.status, headers: response.headers, text, body: parsed };
    },
    stop: () => server.close(0),
  };
}

const jsonType = { 'Content-Type': 'application/json' };

/** The header that admits a user of `fakeApi`. */
export const bearer = (userId: string | number) => ({
  AuthorizationWaiting: `Bearer token-${userId}`,
});

/** A reservation and a payment that `fakeApi` accepts. */
export const order = { concertId: 1, sessionId: 11, seatId: 'A-1-1', userId: 7 };
export const bill = { userId: 7, reservationId: '11.A-1-1.1' };
