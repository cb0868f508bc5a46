import type { IncomingMessage } from 'node:http';
import type { Logger } from 'pino';
import type { Exchange } from './exchange.ts';
import { httpLimits } from './limits.ts';
import { Sampler } from './sampler.ts';

/** Longest path that a log line carries, in characters. */
const loggedPathMax = 200;

/**
 * Called with each answer that was sent. `code` is the code of a refusal, `error` the cause of a
 * 5xx.
 */
export type RequestLog = (
  req: IncomingMessage,
  exchange: Exchange,
  sent: { readonly status: number; readonly code?: string | undefined },
  tookMs: number,
  error?: unknown,
) => void;

/**
 * Logs bugs of the service, with the stack. Under load, nearly every request may be slow or refused
 * with 503. Therefore the log gets one line per code and `refusalsLogMs`, with the count. It gets
 * one of `sample` ordinary requests. Headers and the query string are not logged, so no token is in
 * the log.
 */
export function createRequestLog(log: Logger, sample = Number.POSITIVE_INFINITY): RequestLog {
  const sampler = new Sampler(httpLimits.refusalsLogMs);
  let ordinary = 0;
  return (req, exchange, { status, code }, tookMs, error) => {
    const slow = tookMs >= httpLimits.slowRequestMs;
    if (status < 500 && !slow && ++ordinary % sample !== 0) return;
    const kind = status > 500 ? (code ?? String(status)) : 'slow';
    const count = status > 500 || (slow && status !== 500) ? sampler.count(kind) : 1;
    if (count === undefined) return;
    const { requestId } = exchange;
    const line = {
      requestId,
      method: req.method,
      path: pathOf(req),
      status,
      tookMs: Math.round(tookMs),
    };
    if (status === 500) log.error({ ...line, err: error }, 'unexpected error');
    else if (status > 500) log.warn({ ...line, code, count, why: inWords(error) }, 'unavailable');
    else if (slow) log.warn({ ...line, count }, 'slow request');
    else log.info(line, sample === 1 ? 'request' : `request (one of ${sample})`);
  };
}

/** The text of an error and of its causes. */
function inWords(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  const cause = inWords(error.cause);
  return cause === undefined ? error.message : `${error.message}: ${cause}`;
}

function pathOf(req: IncomingMessage & { originalUrl?: string }): string {
  const url = req.originalUrl ?? req.url ?? '';
  const query = url.indexOf('?');
  return (query < 0 ? url : url.slice(0, query)).slice(0, loggedPathMax);
}
