import { type Logger, pino } from 'pino';

export type { Logger };

/**
 * JSON lines on standard error, written asynchronously. A synchronous line per request costs about
 * a tenth of the speed. `flush` writes the buffered lines; call it before the process ends. Tokens
 * and URLs with passwords are never logged.
 * @param every the fields of each line: the instance, its version, the number of a worker
 */
export function createLogger(
  level: string,
  every: { readonly instance: string; readonly version: string; readonly worker?: number },
): { logger: Logger; flush: () => void } {
  const destination = pino.destination({ dest: 2, sync: false, minLength: 4_096 });
  // On a terminal, lines appear at once, even if the buffer is not full.
  const timer = setInterval(() => destination.flush(), 500).unref();
  const logger = pino(
    { level, base: every, timestamp: pino.stdTimeFunctions.isoTime },
    destination,
  );
  const flush = () => {
    clearInterval(timer);
    try {
      destination.flushSync();
    } catch {
      // The output is not open yet, so nothing was logged.
    }
  };
  return { logger, flush };
}
