import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync } from 'node:fs';
import { chmod, chown, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import pg from 'pg';
import { chooseUser } from '../../embedded/postgres/user.ts';
import { eventually } from './eventually.ts';
import { freePorts } from './free-ports.ts';

/**
 * Servers from the system's own programs, each on a free port of 127.0.0.1, with its data in a
 * temporary directory.
 */

export interface Program {
  readonly port: number;
  readonly url: string;
  readonly process: ChildProcess;
  /** SIGKILL, and waits for the end. The data stays. */
  kill(): Promise<void>;
  /** Ends it if it runs, and starts it again: same port, same data. */
  restart(): Promise<void>;
  /** SIGKILL, and removes the data. */
  stop(): Promise<void>;
}

/** Another program may take a port between its choice and its use: then again with another. */
const startAttempts = 3;

/** Is there such a program? */
export const isInstalled = (program: string, versionFlag = '--version'): boolean =>
  spawnSync(program, [versionFlag], { stdio: 'ignore' }).status === 0;

interface PostgresPrograms {
  readonly initdb: string;
  readonly postgres: string;
  readonly basebackup: string;
}

/**
 * Where a PostgreSQL's own programs are: the newest that Debian's packages installed; undefined
 * when there is none.
 */
export function postgresPrograms(): PostgresPrograms | undefined {
  const root = '/usr/lib/postgresql';
  const versions = existsSync(root) ? readdirSync(root) : [];
  const [newest] = versions.sort((a, b) => Number(b) - Number(a));
  if (newest === undefined) return undefined;
  const of = (name: string) => path.join(root, newest, 'bin', name);
  if (!existsSync(of('initdb'))) return undefined;
  return { initdb: of('initdb'), postgres: of('postgres'), basebackup: of('pg_basebackup') };
}

/**
 * Who runs servers that refuse to be root. Gives them the directory.
 * @returns how to spawn `program` as them
 */
async function asUser(directory: string, programs: PostgresPrograms) {
  const { user } = await chooseUser(directory, programs);
  if (user.uid !== undefined) await chown(directory, user.uid, user.gid ?? user.uid);
  return user;
}

/**
 * PostgreSQL with the superuser `postgres` and no password, on a new cluster. Its URL names the
 * database `postgres`.
 * @param settings as in postgresql.conf
 * @returns undefined when it is not installed: skip the test
 */
export async function startPostgres(
  settings: Readonly<Record<string, string>> = {},
): Promise<Program | undefined> {
  const programs = postgresPrograms();
  if (programs === undefined) return undefined;
  return startCluster(programs, settings, (data) => [
    programs.initdb,
    ...[`--pgdata=${data}`, '--username=postgres', '--auth=trust', '--encoding=UTF8'],
    ...['--locale=C', '--no-sync', '--no-instructions'],
  ]);
}

/**
 * A standby of a PostgreSQL that `startPostgres` started, which follows it. @returns undefined when
 * it is not installed
 */
export async function startStandby({ port }: Pick<Program, 'port'>): Promise<Program | undefined> {
  const programs = postgresPrograms();
  if (programs === undefined) return undefined;
  return startCluster(programs, {}, (data) => [
    programs.basebackup,
    ...[`--pgdata=${data}`, '--host=127.0.0.1', `--port=${port}`, '--username=postgres'],
    ...['--write-recovery-conf', '--checkpoint=fast', '--no-sync'],
  ]);
}

/** @param make the command that makes the cluster in a directory */
async function startCluster(
  programs: PostgresPrograms,
  settings: Readonly<Record<string, string>>,
  make: (data: string) => readonly string[],
): Promise<Program> {
  const directory = await mkdtemp(path.join(tmpdir(), 'reprise-postgres-'));
  const data = path.join(directory, 'data');
  const user = await asUser(directory, programs);
  const [program = '', ...args] = make(data);
  const made = user.wrap(program, args);
  const environment = { PATH: process.env.PATH ?? '', LC_ALL: 'C', TZ: 'UTC' };
  const { status, stderr } = spawnSync(made.file, made.args, {
    ...made.options,
    cwd: directory,
    env: environment,
  });
  if (status !== 0) throw new Error(`${program}: ${stderr}`);
  const given = Object.entries({
    ...{ listen_addresses: '127.0.0.1', unix_socket_directories: '', shared_buffers: '64MB' },
    ...settings,
  }).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  const spawnOn = (port: number) => {
    const run = user.wrap(programs.postgres, ['-D', data, '-p', `${port}`, ...given]);
    return spawn(run.file, run.args, { ...run.options, env: environment, stdio: 'ignore' });
  };
  return startProgram(directory, spawnOn, {
    url: (port) => `postgres://postgres@127.0.0.1:${port}/postgres`,
    answers: (url) => select1(url),
    // A child of it keeps the port and its memory for a moment otherwise.
    gentle: 'SIGQUIT',
  });
}

/**
 * @param settings as on its command line, without the dashes @param portSetting `tls-port`: it
 *   speaks TLS alone
 * @returns undefined when it is not installed
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

/**
 * PgBouncer before a PostgreSQL. Its URL is that one's, by way of it.
 * @param settings of its section `[pgbouncer]`, as `pool_mode`
 * @returns undefined when it is not installed
 */
export async function startPgBouncer(
  behind: string,
  settings: Readonly<Record<string, string>> = {},
): Promise<Program | undefined> {
  const programs = postgresPrograms();
  if (!isInstalled('pgbouncer', '-V') || programs === undefined) return undefined;
  const directory = await mkdtemp(path.join(tmpdir(), 'reprise-pgbouncer-'));
  const user = await asUser(directory, programs);
  const to = new URL(behind);
  const file = path.join(directory, 'pgbouncer.ini');
  const users = path.join(directory, 'users.txt');
  const password = decodeURIComponent(to.password);
  await writeFile(users, `"${to.username}" "${password}"\n`);
  const lines = Object.entries({
    ...{ listen_addr: '127.0.0.1', auth_type: password === '' ? 'trust' : 'scram-sha-256' },
    ...{ auth_file: users, unix_socket_dir: '', ...settings },
  }).map(([name, value]) => `${name} = ${value}`);
  const spawnOn = (port: number) => {
    const run = user.wrap('/usr/sbin/pgbouncer', [file]);
    return spawn(run.file, run.args, {
      ...run.options,
      env: { ...process.env, PGBOUNCER_PORT: `${port}` },
      stdio: 'ignore',
    });
  };
  const write = async (port: number) => {
    const databases = `[databases]\n* = host=${to.hostname} port=${to.port}\n`;
    const all = [databases, '[pgbouncer]', `listen_port = ${port}`, ...lines].join('\n');
    await writeFile(file, `${all}\n`);
    for (const one of [file, users]) await chmod(one, 0o644);
  };
  return startProgram(directory, spawnOn, {
    url: (port) => Object.assign(new URL(behind), { hostname: '127.0.0.1', port }).href,
    answers: accepts,
    prepare: write,
  });
}

interface How {
  readonly url: (port: number) => string;
  readonly answers: (url: string) => Promise<boolean>;
  readonly prepare?: (port: number) => Promise<void>;
  readonly gentle?: NodeJS.Signals;
}

const hasEnded = ({ exitCode, signalCode }: ChildProcess): boolean =>
  exitCode !== null || signalCode !== null;

async function startProgram(
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

function accepts(url: string): Promise<boolean> {
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

async function select1(connectionString: string): Promise<boolean> {
  const client = new pg.Client({ connectionString, connectionTimeoutMillis: 2_000 });
  client.on('error', () => {});
  try {
    await client.connect();
    await client.query('SELECT 1');
    return true;
  } catch {
    return false;
  } finally {
    await client.end().catch(() => {});
  }
}
