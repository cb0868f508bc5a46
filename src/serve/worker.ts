import type { Config } from '../config.ts';
import { createLogger } from '../infrastructure/logger.ts';
import { ServiceMetrics } from '../metrics/service-metrics.ts';
import { saidParts, sayAsJson } from './say-as-json.ts';
import { type AdminPages, type Outside, runService } from './service.ts';
import type { Brief, FromWorker, ToWorker } from './worker-channel.ts';

/**
 * A worker of a service (ADR 59): it serves the API on the port that all workers share, and has no
 * admin listener. It runs until the primary process stops it, or ends.
 */
export async function serveAsWorker(config: Config, version: string, brief: Brief): Promise<void> {
  const { worker } = brief;
  const everyLine = { instance: config.instance, version, worker };
  const { logger, flush } = createLogger(config.logLevel, everyLine);
  const say = config.logFormat === 'json' ? sayAsJson(logger) : sayAsText(worker);
  process.stdout.on('error', () => {});
  const { signals, outside } = obeyPrimary();
  const metrics = new ServiceMetrics(version, worker);
  const own = { ...config, port: brief.port };
  let code = 0;
  try {
    await runService(own, brief, { logger, say, metrics, version, everyLine }, signals, outside);
  } catch (error) {
    if (!signals.stopping.aborted) {
      code = 1;
      await tell({ failed: wordsOf(error) });
    }
  } finally {
    flush();
    // The channel to the primary process would keep this process alive.
    process.exit(code);
  }
}

/** The text of an error. A bug is shown with its stack. */
const wordsOf = (error: unknown): string =>
  error instanceof Error && !(error instanceof TypeError)
    ? error.message
    : String((error as Error)?.stack ?? error);

/** On standard output, together with the lines of the primary process. */
function sayAsText(worker: number): (line: string) => void {
  return (line) => {
    const { part, said } = saidParts(line);
    console.log(`  worker ${worker}     ${part === undefined ? said : `${part}: ${said}`}`);
  };
}

/** Resolves when the message was sent. */
const tell = (message: FromWorker): Promise<void> =>
  new Promise((resolve) => {
    if (process.send === undefined || !process.connected) return resolve();
    process.send(message, undefined, {}, () => resolve());
  });

/**
 * Stops when the primary process says so. Terminals and supervisors send signals to all processes,
 * and the primary process decides about the order of the stop. So this process ignores them. When
 * the primary process ends, Node ends this process.
 */
function obeyPrimary(): { signals: Parameters<typeof runService>[3]; outside: Outside } {
  const stopping = new AbortController();
  const atOnce = new AbortController();
  const ignore = () => {};
  process.on('SIGINT', ignore).on('SIGTERM', ignore);
  let pages: AdminPages | undefined;
  process.on('message', (said: ToWorker) => {
    if ('stop' in said) stopping.abort(new Error(said.stop));
    else if ('atOnce' in said) atOnce.abort();
    else if ('ask' in said) {
      const { id, ask } = said;
      const answer = pages === undefined ? Promise.resolve(undefined) : pages[ask]();
      void answer.then(
        (value) => tell({ id, answer: value }),
        () => tell({ id }),
      );
    }
  });
  return {
    signals: { stopping: stopping.signal, atOnce: atOnce.signal },
    outside: {
      async offer(offered) {
        pages = offered;
        return undefined;
      },
      opened: (text) => void tell({ ready: text }),
    },
  };
}
