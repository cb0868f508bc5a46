import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, open, readFile, rm } from 'node:fs/promises';
import net, { type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

/**
 * A fresh service makes a database and a demo catalog first; longer than this is a fault, in
 * milliseconds.
 */
const readyMsMax = 180_000;
const readyPollMs = 100;
/** A service that has not stopped by then is killed, in milliseconds. */
const stopMsMax = 40_000;

/** A service of its own, on fresh data, with the demo catalog. */
export interface LoadedService {
  readonly url: string;
  readonly pid: number;
  /** The event store behind it. */
  readonly eventStoreUrl: string;
  readonly postgresUrl: string;
  /** Stops it and removes its data. */
  stop(): Promise<void>;
}

/**
 * Starts `reprise serve` on a free port and a temporary directory and waits until it is ready.
 * Settings and servers come from the environment as for any service, and from `env` before it; its
 * log goes to a file.
 * @param checkout directory of the project to start; this one unless told
 * @throws when it ends or is not ready in time, or `signal` aborts; it is stopped then
 */
export async function startFreshService(
  logFile: string,
  signal: AbortSignal,
  env: Readonly<Record<string, string>> = {},
  checkout: URL = new URL('..', import.meta.url),
): Promise<LoadedService> {
  const dataDir = await mkdtemp(path.join(tmpdir(), 'reprise-load-'));
  const port = await freePort();
  const program = fileURLToPath(new URL('bin/reprise.js', checkout));
  const log = await open(logFile, 'w');
  // As `npm start` does: a larger young generation copies less of what a batch keeps alive for a
  // moment.
  const child = spawn(process.execPath, ['--max-semi-space-size=64', program, 'serve'], {
    env: {
      LOG_LEVEL: 'warn',
      ...process.env,
      ...env,
      DATA_DIR: dataDir,
      PORT: `${port}`,
      HOST: '127.0.0.1',
      DEMO: 'on',
    },
    stdio: ['ignore', log.fd, log.fd],
  });
  await log.close();
  const url = `http://127.0.0.1:${port}`;
  const stop = async (): Promise<void> => {
    await end(child);
    await rm(dataDir, { recursive: true, force: true });
  };
  try {
    await untilReady(url, child, signal);
    const file = path.join(dataDir, 'service.json');
    const { eventStoreUrl, postgresUrl } = JSON.parse(await readFile(file, 'utf8'));
    return { url, pid: child.pid as number, eventStoreUrl, postgresUrl, stop };
  } catch (error) {
    await stop();
    throw new Error(`${(error as Error).message}; its log: ${logFile}`, { cause: error });
  }
}

async function untilReady(url: string, child: ChildProcess, signal: AbortSignal): Promise<void> {
  const deadline = Date.now() + readyMsMax;
  while (Date.now() < deadline) {
    signal.throwIfAborted();
    if (child.exitCode !== null) throw new Error(`the service ended with ${child.exitCode}`);
    const answer = await fetch(`${url}/readyz`).catch(() => undefined);
    await answer?.arrayBuffer();
    if (answer?.status === 200) return;
    await delay(readyPollMs);
  }
  throw new Error(`the service was not ready after ${readyMsMax / 1_000} s`);
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), stopMsMax);
  await exited;
  clearTimeout(timer);
}

async function freePort(): Promise<number> {
  const server = net.createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
