import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { eventually } from '../support/eventually.ts';
import { freePorts } from './free-ports.ts';

/**
 * Servers from programs of the system. Each uses a free port of 127.0.0.1 and has its data in a
 * temporary directory.
 */

export interface Program {
  readonly port: number;
  readonly url: string;
  readonly process: ChildProcess;
  /** SIGKILL, and waits for the end. The data stays. */
  kill(): Promise<void>;
  /** Ends it if it runs, and starts it again with the same port and data. */
  restart(): Promise<void>;
  /** SIGKILL, and removes the data. */
  stop(): Promise<void>;
}

/**
 * The number of tries. Another program may take a port between its choice and its use. Then another
 * port is tried.
 */
const startAttempts = 3;

/** Is there such a program? */
export const isInstalled = (program: string, versionFlag = '--version'): boolean =>
  spawnSync(program, [versionFlag], { stdio: 'ignore' }).status === 0;

/**
 * @param settings as on its command line, without the dashes
 * @param portSetting `tls-port` means that it accepts only TLS
 * @returns undefined if it is not installed
 */
export async function startRedisServer(
  settings: Readonly<Record<string, string>> = {},
  portSetting: 'port' | 'tls-port' = 'port',
): Promise<Program | undefined> {
  if (!isInstalled('redis-server')) return undefined;
  const directory = await mkdtemp(path.join(tmpdir(), 'reprise-redis-'));
  const given = Object.entries({ bind: '127.0.0.1', dir: directory, save: '', ...settings });
  const args = given.flatMap(([name, value]) => [`--${name}`, value]);
  return startProgram(
    directory,
    (port) =>
      spawn('redis-server', ['--port', '0', `--${portSetting}`, `${port}`, ...args], {
        stdio: 'ignore',
      }),
    { url: (port) => `redis://127.0.0.1:${port}`, answers: accepts },
  );
}

interface How {
  readonly url: (port: number) => string;
  readonly answers: (url: string) => Promise<boolean>;
  readonly prepare?: (port: number) => Promise<void>;
  readonly gentle?: NodeJS.Signals;
}

const hasEnded = ({ exitCode, signalCode }: ChildProcess): boolean =>
  exitCode !== null || signalCode !== null;

/** Starts a program on a free port. @throws Error when it does not start */
export async function startProgram(
  directory: string,
  spawnOn: (port: number) => ChildProcess,
  { url, answers, prepare, gentle = 'SIGKILL' }: How,
): Promise<Program> {
  const end = async (child: ChildProcess, signal: NodeJS.Signals) => {
    if (hasEnded(child)) return;
    child.kill(signal);
    await once(child, 'exit');
  };
  const start = async (port: number): Promise<ChildProcess> => {
    const child = spawnOn(port).on('error', () => {});
    const up = async () => hasEnded(child) || (await answers(url(port)));
    await eventually(`what was started answers on port ${port}`, up, 30_000);
    if (!hasEnded(child)) return child;
    throw new Error(`${child.spawnfile} ended with ${child.exitCode ?? child.signalCode}`);
  };
  for (let attempt = 1; ; attempt += 1) {
    const [port = 0] = await freePorts(1);
    try {
      await prepare?.(port);
      let child = await start(port);
      return {
        port,
        url: url(port),
        get process() {
          return child;
        },
        kill: () => end(child, 'SIGKILL'),
        async restart() {
          await end(child, gentle);
          child = await start(port);
        },
        async stop() {
          await end(child, gentle);
          await rm(directory, { recursive: true, force: true, maxRetries: 10 });
        },
      };
    } catch (error) {
      if (attempt < startAttempts) continue;
      await rm(directory, { recursive: true, force: true });
      throw error;
    }
  }
}

/** Does something listen there? */
export function accepts(url: string): Promise<boolean> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve) => {
    const socket = connect(Number(port), hostname);
    const say = (yes: boolean) => {
      socket.destroy();
      resolve(yes);
    };
    socket.once('connect', () => say(true)).once('error', () => say(false));
  });
}
