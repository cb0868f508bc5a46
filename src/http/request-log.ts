import type { IncomingMessage } from 'node:http';
import type { Logger } from 'pino';
import type { Exchange } from './exchange.ts';
import { httpLimits } from './limits.ts';

/** Longest path that a log line carries, in characters. */
const loggedPathMax = 200;

/** Called with each answer that was sent; `error` is what a 5xx came from. */
export type RequestLog = (
  req: IncomingMessage,
  exchange: Exchange,
  status: number,
  error?: unknown,
) => void;

/**
 * Logs failures and slow requests, and one of `ordinarySample` ordinary ones. Neither headers nor the query string are
 * logged, so no token is.
 */
export function createRequestLog(log: Logger): RequestLog {
  let ordinary = 0;
  return (req, exchange, status, error) => {
    const tookMs = performance.now() - exchange.startedMs;
    const slow = tookMs >= httpLimits.slowRequestMs;
    if (status < 500 && !slow && ++ordinary % httpLimits.ordinarySample !== 0) return;
    const { requestId } = exchange;
    const line = {
      requestId,
      method: req.method,
      path: pathOf(req),
      status,
      tookMs: Math.round(tookMs),
    };
    if (status === 500) log.error({ ...line, err: error }, 'unexpected error');
    else if (status > 500) log.warn({ ...line, err: error }, 'unavailable');
    else if (slow) log.warn(line, 'slow request');
    else log.info(line, `request (one of ${httpLimits.ordinarySample})`);
  };
}

function pathOf(req: IncomingMessage & { originalUrl?: string }): string {
  const url = req.originalUrl ?? req.url ?? '';
  const query = url.indexOf('?');
  return (query < 0 ? url : url.slice(0, query)).slice(0, loggedPathMax);
}
