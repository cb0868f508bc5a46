import type { Config } from '../config.ts';
import { PrimaryMetrics } from '../metrics/primary-metrics.ts';
import { startServers } from '../servers/servers.ts';
import { whenAborted } from '../support/when-aborted.ts';
import { noteStart, noteStop } from './note-start.ts';
import { openAdmin } from './open-admin.ts';
import { localUrlOf, type Told } from './service.ts';
import type { StopSignals } from './stop-signals.ts';
import { watchEventLoop } from './watchdog.ts';
import { metricsOf, readyzOf } from './worker-pages.ts';
import { Workers } from './workers.ts';

/**
 * The primary process of a service with workers (ADR 59). It owns DATA_DIR, the embedded servers
 * and the admin listener, and accepts the connections for its workers. It sells nothing itself.
 * @param config its port is not 0
 * @throws as `serve`
 */
export async function runWithWorkers(
  { stopping, atOnce }: StopSignals,
  config: Config,
  { say, logger, everyLine }: Omit<Told, 'metrics'>,
  onFault: (message: string, fatal: boolean) => void,
): Promise<void> {
  const { port, drainMs, workers: count } = config;
  const metrics = new PrimaryMetrics();
  const onFaultUntilStop: typeof onFault = (message, fatal) => {
    if (!stopping.aborted) onFault(message, fatal);
  };
  const servers = await startServers(config, onFault, (server) => metrics.restarted(server));
  const { eventStoreUrl, postgresUrl } = servers;
  const workers = new Workers({
    ...{ count, drainMs, onFault: onFaultUntilStop },
    brief: { port, eventStoreUrl, postgresUrl },
    onRestart: () => metrics.restarted('worker'),
  });
  const stopped = whenAborted(stopping).then(() => workers.stop(reasonOf(stopping)));
  void whenAborted(atOnce).then(() => workers.hurry());
  const pages = {
    metrics: () => metricsOf(workers, metrics),
    readyz: () => readyzOf(workers),
  };
  let admin: Awaited<ReturnType<typeof openAdmin>>;
  try {
    metrics.starts = await noteStart(config.dataDir, logger);
    stopping.throwIfAborted();
    for (const line of servers.lines) say(`  ${line}`);
    say(`  workers      ${count} processes`);
    admin = await openAdmin(config, pages, say);
    const text = await workers.start();
    await servers.announce({ apiUrl: localUrlOf(config.host, port), adminUrl: admin?.url });
    say(text);
    const watchdog = config.hangMs === 0 ? undefined : watchEventLoop(config.hangMs, everyLine);
    await stopped;
    await watchdog?.stop();
  } finally {
    await workers.stop('the service cannot start');
    await admin?.close();
    await noteStop(metrics.starts);
    await servers.stop();
  }
}

const reasonOf = ({ reason }: AbortSignal): string => (reason as Error).message;
