import { spawn, spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { chmod, chown, mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import pg from 'pg';
import { chooseUser } from '../../embedded/postgres/user.ts';
import { accepts, isInstalled, type Program, startProgram } from '../../src/drill/programs.ts';

export { isInstalled, type Program, startRedisServer } from '../../src/drill/programs.ts';

/**
 * Servers that use the installed programs of the system. Each has a free port of 127.0.0.1, and its
 * data in a temporary directory.
 */

interface PostgresPrograms {
  readonly initdb: string;
  readonly postgres: string;
  readonly basebackup: string;
}

/**
 * The directory of PostgreSQL's programs: the newest version that Debian's packages have installed;
 * undefined if there is none.
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
 * Chooses the user for servers that refuse to run as root, and makes this user the owner of the
 * directory.
 * @returns how to spawn `program` as this user
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
    // Otherwise a child process keeps the port and its memory for a moment.
    gentle: 'SIGQUIT',
  });
}

/**
 * PgBouncer in front of a PostgreSQL. Its URL leads to that PostgreSQL through PgBouncer.
 * @param settings the settings of its section `[pgbouncer]`, such as `pool_mode`
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
