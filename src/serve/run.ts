import type { Config } from '../config.ts';
import { tellReadiness } from '../http/routes/health.ts';
import { createLogger } from '../infrastructure/logger.ts';
import { ServiceMetrics } from '../metrics/service-metrics.ts';
import { startServers } from '../servers/servers.ts';
import { noteStart, noteStop } from './note-start.ts';
import { openAdmin } from './open-admin.ts';
import { runWithWorkers } from './primary.ts';
import { sayAsJson } from './say-as-json.ts';
import { localUrlOf, runService, type Told } from './service.ts';
import { assertFree } from './starting.ts';
import { listenForStop, type StopSignals } from './stop-signals.ts';
import { serveAsWorker } from './worker.ts';
import { takeBrief } from './worker-channel.ts';

/**
 * `reprise serve`: runs until SIGINT or SIGTERM (`stop-signals.ts`), in this process, or with
 * `WORKERS` above 1 in workers of this process. They also run this function.
 * @throws Error with a message for people when it cannot start
 */
export async function serve(config: Config, version: string): Promise<void> {
  const brief = takeBrief();
  if (brief !== undefined) return serveAsWorker(config, version, brief);
  const everyLine = { instance: config.instance, version };
  const { logger, flush } = createLogger(config.logLevel, everyLine);
  const say = config.logFormat === 'json' ? sayAsJson(logger) : (line: string) => console.log(line);
  const signals = listenForStop(say);
  // The reader of the output may end (`reprise serve | head -3`). The service continues then.
  process.stdout.on('error', () => {});
  try {
    const port = await assertFree(config.port, config.host);
    if (config.adminPort !== undefined) {
      await assertFree(config.adminPort, config.adminHost, 'ADMIN_');
    }
    say(`Reprise ${version}`);
    const onFault = (message: string, fatal: boolean) => {
      logger[fatal ? 'fatal' : 'error'](message);
      if (!fatal) return;
      process.exitCode = 1;
      signals.stop(message);
    };
    const told = { logger, say, version, everyLine };
    if (config.workers === 1) await runAlone(signals, config, told, onFault);
    // All workers need the same port, also a worker that is started later.
    else await runWithWorkers(signals, { ...config, port }, told, onFault);
  } catch (error) {
    // SIGTERM came during the start: the started parts are stopped, which is not an error.
    if (!signals.stopping.aborted) throw error;
  } finally {
    if (signals.stopping.aborted) say('Stopped. All data is kept.');
    flush();
  }
}

/** Runs the service in this process. */
async function runAlone(
  signals: StopSignals,
  config: Config,
  told: Omit<Told, 'metrics'>,
  onFault: (message: string, fatal: boolean) => void,
): Promise<void> {
  const { say, logger, version } = told;
  const metrics = new ServiceMetrics(version);
  const servers = await startServers(config, onFault, (server) =>
    metrics.counters.restarted(server),
  );
  try {
    metrics.starts = await noteStart(config.dataDir, logger);
    signals.stopping.throwIfAborted();
    for (const line of servers.lines) say(`  ${line}`);
    let admin: Awaited<ReturnType<typeof openAdmin>>;
    await runService(config, servers, { ...told, metrics }, signals, {
      offer: async (pages) => {
        const readyz = () => tellReadiness(pages.readiness);
        admin = await openAdmin(config, { metrics: pages.metrics, readyz }, say);
        return admin;
      },
      opened: async (text, port) => {
        await servers.announce({ apiUrl: localUrlOf(config.host, port), adminUrl: admin?.url });
        say(text);
      },
    });
  } finally {
    await noteStop(metrics.starts);
    await servers.stop();
  }
}
