import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AllowsHost } from './allowed-hosts.ts';
import { json, problem, type Sendable, send, text } from './answer.ts';
import { refuseAtTheDoor } from './door.ts';
import { beginExchange } from './exchange.ts';
import { httpLimits } from './limits.ts';
import { close, type Listener, listen } from './listening.ts';
import { Outbox } from './outbox.ts';

/** The sources of the admin listener's pages. */
export interface AdminDeps {
  /** The metrics of this instance, in the text format of Prometheus. Never rejects. */
  readonly metrics: () => Promise<string>;
  readonly readyz: () => Sendable | Promise<Sendable>;
  readonly allowsHost: AllowsHost;
}

const metricsType = 'text/plain; version=0.0.4; charset=utf-8';

/**
 * A second listener, for operators: `/metrics`, `/livez`, and `/readyz` with its reasons.
 * Connections above `adminConnectionsMax` are dropped.
 */
export function createAdminServer({ metrics, readyz, allowsHost }: AdminDeps): Listener {
  const pages: Readonly<Record<string, () => Sendable | Promise<Sendable>>> = {
    '/livez': () => json({ status: 'alive' }),
    '/readyz': readyz,
    '/metrics': async () => text(metricsType, await metrics()),
  };
  const outbox = new Outbox();
  const answer = async (req: IncomingMessage, res: ServerResponse): Promise<void> => {
    const { requestId } = beginExchange(req, res);
    const page = pages[req.url?.split('?', 1)[0] ?? ''];
    const answered = refuseAtTheDoor(req, allowsHost) ?? refuseMethod(req) ?? (await page?.());
    const { length } = Object.keys(pages);
    const detail = `The admin listener has ${length} pages: ${Object.keys(pages).join(', ')}.`;
    send(res, answered ?? problem('path-not-found', { detail }), requestId, outbox);
  };
  const server = createServer(
    {
      maxHeaderSize: httpLimits.headerBytesMax,
      headersTimeout: httpLimits.headersTimeoutMs,
      requestTimeout: httpLimits.requestTimeoutMs,
      keepAliveTimeout: httpLimits.keepAliveTimeoutMs,
      requireHostHeader: false,
    },
    (req, res) => void answer(req, res).catch(() => res.destroy()),
  );
  server.timeout = httpLimits.silenceTimeoutMs;
  server.maxConnections = httpLimits.adminConnectionsMax;
  let closing: Promise<void> | undefined;
  return {
    listen: (port, host) => listen(server, port, host),
    close(withinMs = httpLimits.closeMs) {
      closing ??= close(server, withinMs);
      return closing;
    },
  };
}

function refuseMethod({ method }: IncomingMessage): Sendable | undefined {
  if (method === 'GET' || method === 'HEAD') return undefined;
  const detail = 'The admin listener supports GET and HEAD.';
  return problem('method-not-allowed', { detail }, { Allow: 'GET, HEAD' });
}
