import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { createServer } from 'node:net';
import { totalmem } from 'node:os';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import type { FileLock } from '../file-lock.ts';
import type { Binaries } from './binaries.ts';
import { dataDirectory, programEnvironment, sharedMemoryAdvice } from './cluster.ts';
import { claimServer } from './leftovers.ts';
import type { ServerUser } from './user.ts';

/** Runs the server process. */

/**
 * Settings for a small server with one client on the same machine. Commits are durable: `fsync` and
 * `synchronous_commit` are on.
 */
const settings = {
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  // There are no replicas, so PostgreSQL's log is needed only after a crash.
  wal_level: 'minimal',
  max_wal_senders: '0',
  max_logical_replication_workers: '0',
  // No parallel workers and no JIT compiler, because queries take about a millisecond.
  io_method: 'sync',
  jit: 'off',
  timezone: 'UTC',
  log_timezone: 'UTC',
  // The client handles failed statements, so they are not logged.
  log_min_messages: 'log',
} as const;

const mib = 1024 ** 2;
/** An eighth of the memory, because the event store and the service use the same machine. */
const sharedBuffers = { share: 1 / 8, mibMin: 64, mibMax: 1_024 };

/**
 * PostgreSQL's own cache, `shared_buffers`, in MiB. If the indexes of a long log do not fit into
 * it, PostgreSQL needs about half as much processor time again (`docs/performance.md`). PostgreSQL
 * takes this memory only when it uses it.
 * @param memoryBytes the memory of the machine
 * @param limitBytes the limit of the container; 0 or a larger number than the memory if there is
 * none
 */
export function sharedBuffersMib(memoryBytes: number, limitBytes: number): number {
  const bytes = limitBytes > 0 ? Math.min(memoryBytes, limitBytes) : memoryBytes;
  const { share, mibMin, mibMax } = sharedBuffers;
  return Math.min(mibMax, Math.max(mibMin, Math.floor((bytes * share) / mib)));
}

/** Connections for one service and for commands beside it; and for each further service. */
const connections = { max: 60, ofEachFurther: 20 };

/** A running server. */
export interface Server {
  readonly port: number;
  /** Resolves with the last lines of its output when it has ended. Never rejects. */
  readonly exited: Promise<string>;
  /** Ends sessions and stops. After 10 s, it uses an immediate shutdown. */
  stop(): Promise<void>;
}

/** A recovery after a crash reads at most `max_wal_size` of log: 1 GB by default. */
const startMs = 60_000;
const retryMs = 200;

/**
 * Temporary faults: another program took the free port first, or the last sessions of a killed
 * server are still ending.
 */
const passing = /could not create any TCP\/IP sockets|is still in use|lock file .* already exists/;

const damageAdvice =
  'If its data is damaged, delete that directory: the read models in it are made anew from the log.';

/** What a start needs. */
export interface ServerPlace {
  readonly directory: string;
  readonly binaries: Binaries;
  readonly user: ServerUser;
  /** How many services connect to it. */
  readonly services: number;
}

/**
 * Starts the server on the given port, or on a free one. Repeats the start after temporary faults.
 * Cleans up after an earlier server first.
 * @throws Error with the server's message, or the signal's reason
 */
export async function startServer(
  place: ServerPlace,
  signal: AbortSignal,
  port?: number,
): Promise<Server> {
  const deadline = Date.now() + startMs;
  for (;;) {
    signal.throwIfAborted();
    const lock = await claimServer(place.directory);
    const server = launch(place, lock, port ?? (await freePort()));
    const why = await hindrance(server, Math.max(deadline - Date.now(), retryMs), signal);
    if (why === undefined) return server;
    await server.stop();
    signal.throwIfAborted();
    if (!passing.test(why) || Date.now() + retryMs > deadline) {
      throw new Error(
        `PostgreSQL does not start on ${place.directory}:\n${why}\n${sharedMemoryAdvice(why) || damageAdvice}`,
      );
    }
    await delay(retryMs);
  }
}

/** Undefined if the server is ready, else the reason. */
async function hindrance(
  server: Server & { ready: Promise<undefined> },
  waitMs: number,
  signal: AbortSignal,
): Promise<string | undefined> {
  const cancel = new AbortController();
  const either = AbortSignal.any([cancel.signal, signal]);
  try {
    return await Promise.race([
      server.ready,
      server.exited,
      delay(waitMs, `not ready within ${waitMs} ms`, { signal: either }).catch(() => 'stopped'),
    ]);
  } finally {
    cancel.abort();
  }
}

function launch(
  { directory, binaries, user, services }: ServerPlace,
  lock: FileLock,
  port: number,
): Server & { ready: Promise<undefined> } {
  const data = dataDirectory(directory);
  // The last one is not a setting of PostgreSQL. In the command line, it shows whose server this
  // is.
  const maxConnections = connections.max + connections.ofEachFurther * (services - 1);
  const cache = sharedBuffersMib(totalmem(), process.constrainedMemory() ?? 0);
  const all = {
    ...settings,
    shared_buffers: `${cache}MB`,
    max_connections: String(maxConnections),
    'reprise.data': data,
  };
  const flags = Object.entries(all).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  const own = ['-D', user.pathOf(data), '-p', String(port)];
  const { file, args, options } = user.wrap(binaries.postgres, [...own, ...flags]);
  const child = spawn(file, args, {
    ...options,
    cwd: data,
    env: programEnvironment,
    // It is outside the process group of the terminal. So Ctrl-C reaches only the service, which
    // stops PostgreSQL last.
    detached: true,
    // The processes of the server inherit the lock, so others can see that they are alive.
    stdio: ['ignore', 'ignore', 'pipe', lock.fd],
  }) as ServerProcess;
  const { ready, exited } = listen(child);
  void exited.then(() => lock.release());
  return { port, ready, exited, stop: () => end(child, exited) };
}

type ServerProcess = ChildProcessByStdio<null, null, Readable>;

/** The number of kept lines of the server's output. */
const lastLinesMax = 20;

function listen(child: ServerProcess): { ready: Promise<undefined>; exited: Promise<string> } {
  const lines: string[] = [];
  const ready = new Promise<undefined>((resolve) => {
    createInterface({ input: child.stderr }).on('line', (line) => {
      lines.push(line);
      if (lines.length > lastLinesMax) lines.shift();
      if (line.includes('database system is ready to accept connections')) resolve(undefined);
    });
  });
  const exited = new Promise<string>((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('close', () => resolve(lines.join('\n')));
  });
  return { ready, exited };
}

/** Fast shutdown, then immediate shutdown (the next start replays the log), then SIGKILL. */
async function end(child: ServerProcess, exited: Promise<string>): Promise<void> {
  child.kill('SIGINT');
  const timers = [
    setTimeout(() => child.kill('SIGQUIT'), 10_000),
    setTimeout(() => child.kill('SIGKILL'), 13_000),
  ];
  await exited;
  for (const timer of timers) clearTimeout(timer);
}

async function freePort(): Promise<number> {
  const probe = createServer();
  await new Promise<void>((resolve, reject) => {
    probe.once('error', reject);
    probe.listen(0, '127.0.0.1', resolve);
  });
  const address = probe.address();
  await new Promise((resolve) => probe.close(resolve));
  if (address === null || typeof address === 'string') throw new Error('no free port');
  return address.port;
}
