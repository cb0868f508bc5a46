import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, open, readFile, rm } from 'node:fs/promises';
import net, { type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

/**
 * The longest start of a new service, which creates a database and a demo catalog, in milliseconds.
 */
const newReadyMsMax = 180_000;
const readyPollMs = 100;
/** A service that has not stopped after this time is killed, in milliseconds. */
const stopMsMax = 40_000;

/**
 * The same flags as in `npm start`. With a larger young generation, fewer short-lived objects of a
 * batch are copied. With baseline code from the first call on, a new service is fast sooner.
 */
export const startFlags = ['--max-semi-space-size=64', '--always-sparkplug'];

/** A new service with new data and the demo catalog. */
export interface LoadedService {
  readonly url: string;
  /** The URL of its admin listener; undefined for a version that has none. */
  readonly adminUrl: string | undefined;
  readonly pid: number;
  /** From its start until it was ready, in milliseconds. */
  readonly readyMs: number;
  /** The event store of the service. */
  readonly eventStoreUrl: string;
  readonly postgresUrl: string;
  /** Stops the service and removes its data. */
  stop(): Promise<void>;
}

/**
 * Starts `reprise serve` on a free port with a temporary directory, and waits until it is ready.
 * Settings and servers come from `env`, and then from the environment. The log of the service goes
 * to a file.
 * @param checkout the directory of the project to start; default: this project
 * @param readyMsMax the longest start, in milliseconds; a long log needs more
 * @throws when the service ends, is not ready in time, or `signal` aborts; then the service is
 * stopped
 */
export async function startFreshService(
  logFile: string,
  signal: AbortSignal,
  env: Readonly<Record<string, string>> = {},
  checkout: URL = new URL('..', import.meta.url),
  readyMsMax = newReadyMsMax,
): Promise<LoadedService> {
  const dataDir = await mkdtemp(path.join(tmpdir(), 'reprise-load-'));
  const port = await freePort();
  const program = fileURLToPath(new URL('bin/reprise.js', checkout));
  const log = await open(logFile, 'w');
  const child = spawn(process.execPath, [...startFlags, program, 'serve'], {
    env: {
      LOG_LEVEL: 'warn',
      ...process.env,
      ...env,
      DATA_DIR: dataDir,
      PORT: `${port}`,
      HOST: '127.0.0.1',
      ADMIN_PORT: '0',
      ADMIN_HOST: '127.0.0.1',
      DEMO: 'on',
    },
    stdio: ['ignore', log.fd, log.fd],
  });
  const startedMs = performance.now();
  await log.close();
  const url = `http://127.0.0.1:${port}`;
  const stop = async (): Promise<void> => {
    await end(child);
    await rm(dataDir, { recursive: true, force: true });
  };
  try {
    await untilReady(url, child, signal, readyMsMax);
    const readyMs = performance.now() - startedMs;
    const file = path.join(dataDir, 'service.json');
    const { eventStoreUrl, postgresUrl } = JSON.parse(await readFile(file, 'utf8'));
    const adminUrl = /^ +admin +(http:\S+)/m.exec(await readFile(logFile, 'utf8'))?.[1];
    const pid = child.pid as number;
    return { url, adminUrl, pid, readyMs, eventStoreUrl, postgresUrl, stop };
  } catch (error) {
    await stop();
    throw new Error(`${(error as Error).message}; its log: ${logFile}`, { cause: error });
  }
}

async function untilReady(
  url: string,
  child: ChildProcess,
  signal: AbortSignal,
  readyMsMax: number,
): Promise<void> {
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
