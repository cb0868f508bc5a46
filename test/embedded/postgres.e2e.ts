import { type ChildProcess, fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir, totalmem } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import pg from 'pg';
import { lockHolder } from '../../embedded/file-lock.ts';
import { sharedBuffersMib } from '../../embedded/postgres/server.ts';
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../../embedded/postgres/start.ts';
import { eventually } from '../support/eventually.ts';

/**
 * Whole starts and ends of processes. `mkdtemp` makes directories that only their owner may enter.
 */
describe('embedded PostgreSQL', function () {
  this.timeout(60_000);

  let dataDir: string;
  let directory: string;
  let postgres: EmbeddedPostgres | undefined;
  let service: ChildProcess | undefined;

  async function newDataDir(): Promise<void> {
    dataDir = await mkdtemp(path.join(tmpdir(), 'reprise-embedded-'));
    directory = path.join(dataDir, 'postgres');
  }
  const removeDataDir = (): Promise<void> => rm(dataDir, { recursive: true });

  afterEach(async () => {
    service?.kill('SIGKILL');
    await postgres?.stop();
    service = undefined;
    postgres = undefined;
    await eventually('the keeper is gone', () => lockHolder(keeperLock()) === undefined);
  });

  async function start(): Promise<string> {
    postgres = await startEmbeddedPostgres({ dataDir });
    return postgres.url;
  }

  const keeperLock = (): string => path.join(directory, 'keeper.lock');

  /** Starts it in a process that the test may kill. */
  async function startService(env: NodeJS.ProcessEnv = process.env) {
    const fixture = fileURLToPath(new URL('./parent-fixture.ts', import.meta.url));
    service = fork(fixture, [dataDir], { execArgv: process.execArgv, env });
    const [message] = (await once(service, 'message')) as [{ url: string; keeper: number }];
    return { url: message.url, keeper: message.keeper, server: postmaster() as number };
  }

  function postmaster(): number | undefined {
    const file = path.join(directory, 'data', 'postmaster.pid');
    return existsSync(file) ? Number.parseInt(readFileSync(file, 'utf8'), 10) : undefined;
  }

  async function initdbIsAtWork(): Promise<boolean> {
    const half = (await readdir(directory)).find((name) => name.startsWith('data.new-'));
    return half !== undefined && existsSync(path.join(directory, half, 'base', '1'));
  }

  async function kill(pid: number): Promise<void> {
    process.kill(pid, 'SIGKILL');
    await eventually(`process ${pid} is gone`, () => !alive(pid));
  }

  it('starts after a first start that was killed half way', async () => {
    await newDataDir();
    const fixture = fileURLToPath(new URL('./parent-fixture.ts', import.meta.url));
    service = fork(fixture, [dataDir], { execArgv: process.execArgv });
    await eventually('initdb is at work', initdbIsAtWork, 20_000);
    service.kill('SIGKILL');
    await kill(JSON.parse(await readFile(keeperLock(), 'utf8')).pid);
    expect(existsSync(path.join(directory, 'data'))).to.equal(false);
    expect(await query(await start(), 'SELECT 1 AS one')).to.deep.equal([{ one: 1 }]);
    const files = ['data', 'keeper.lock', 'password', 'server.lock'];
    expect(await readdir(directory)).to.have.members(files);
    await postgres?.stop();
    await removeDataDir();
  });

  /**
   * One after another on the same directory: a first start and a copy of what it made take longer
   * than most of these.
   */
  describe('on a directory of its own', () => {
    before(newDataDir);
    // One of them opens it to others.
    beforeEach(() => chmod(dataDir, 0o700));
    after(removeDataDir);
    /** So many tables were made. */
    let tables = 0;
    const newTable = async (url: string): Promise<string> => {
      tables += 1;
      await query(url, `CREATE TABLE seat_${tables} (id int8)`);
      return `seat_${tables}`;
    };

    it('starts on nothing, and finds its data again', async () => {
      const first = await start();
      const table = await newTable(first);
      await query(first, `INSERT INTO ${table} VALUES (7)`);
      await postgres?.stop();
      expect(await query(await start(), `SELECT id FROM ${table}`)).to.deep.equal([{ id: '7' }]);
    });

    it('is closed to others, durable, and not root', async () => {
      const url = await start();
      expect(await setting(url, 'listen_addresses')).to.equal('127.0.0.1');
      const wrong = new URL(url);
      wrong.password = 'guess';
      const refusal = await query(wrong.href, 'SELECT 1').catch((error: Error) => error.message);
      expect(refusal).to.contain('password authentication failed');
      const { mode } = await stat(path.join(directory, 'password'));
      expect(mode & 0o777).to.equal(0o600);

      for (const name of ['fsync', 'synchronous_commit', 'full_page_writes']) {
        expect(await setting(url, name), name).to.equal('on');
      }
      const cache =
        "SELECT setting::int / 128 AS mib FROM pg_settings WHERE name = 'shared_buffers'";
      const mib = sharedBuffersMib(totalmem(), process.constrainedMemory() ?? 0);
      expect(await query(url, cache)).to.deep.equal([{ mib }]);
      if (process.platform !== 'linux') return;
      const status = await readFile(`/proc/${postmaster()}/status`, 'utf8');
      expect(/^Uid:\s+(\d+)/m.exec(status)?.[1]).not.to.equal('0');
      for (const kind of ['Inh', 'Prm', 'Eff', 'Amb']) {
        const set = new RegExp(`^Cap${kind}:\\s+(\\S+)`, 'm').exec(status)?.[1];
        expect(set, `Cap${kind}`).to.match(/^0+$/);
      }
    });

    it('stopped, leaves no process and nothing that speaks of one', async () => {
      await start();
      const server = postmaster() as number;
      const keeper = postgres?.pid as number;
      await postgres?.stop();
      expect(alive(server)).to.equal(false);
      expect(alive(keeper)).to.equal(false);
      for (const name of ['keeper.lock', 'server.lock']) {
        expect(lockHolder(path.join(directory, name)), name).to.equal(undefined);
      }
      expect(postmaster()).to.equal(undefined);
    });

    it("is not stopped by a terminal's Ctrl-C: the service decides when", async () => {
      const url = await start();
      process.kill(postgres?.pid as number, 'SIGINT');
      expect(await query(url, 'SELECT 1 AS one')).to.deep.equal([{ one: 1 }]);
      // The terminal signals its whole process group; the server is not in ours.
      expect(processGroup(postmaster() as number)).not.to.equal(processGroup(process.pid));
    });

    it('ends with a service that was killed, and starts again', async () => {
      const { url, keeper, server } = await startService();
      const table = await newTable(url);
      await kill(service?.pid as number);
      await eventually('the server has ended', () => !alive(server), 10_000);
      await eventually('the keeper has ended', () => !alive(keeper), 10_000);
      expect(await query(await start(), `SELECT * FROM ${table}`)).to.deep.equal([]);
    });

    it('can be started again at once after the service was killed', async () => {
      await startService();
      service?.kill('SIGKILL');
      expect(await query(await start(), 'SELECT 1 AS one')).to.deep.equal([{ one: 1 }]);
    });

    it('starts again after service and keeper were killed', async () => {
      const { url, keeper } = await startService();
      const table = await newTable(url);
      process.kill(keeper, 'SIGKILL');
      await kill(service?.pid as number);
      expect(await query(await start(), `SELECT * FROM ${table}`)).to.deep.equal([]);
    });

    it('stops a server that outlived its keeper', async function () {
      // Without `setpriv` on the PATH the kernel does not tell the server of its keeper's death.
      // Root's server then runs as a user without any privilege, who must be able to come here.
      await chmod(dataDir, 0o755);
      if (process.getuid?.() === 0 && !(await openToOthers(import.meta.filename))) this.skip();
      const { url, keeper, server } = await startService({ ...process.env, PATH: '' });
      const table = await newTable(url);
      process.kill(keeper, 'SIGKILL');
      await kill(service?.pid as number);
      expect(alive(server)).to.equal(true);
      expect(await query(await start(), `SELECT * FROM ${table}`)).to.deep.equal([]);
      expect(alive(server)).to.equal(false);
    });

    it('starts after everything was killed and the server’s process id went to another', async () => {
      const { url, keeper, server } = await startService();
      const table = await newTable(url);
      process.kill(server, 'SIGSTOP');
      process.kill(keeper, 'SIGKILL');
      await kill(service?.pid as number);
      await kill(server);
      // PostgreSQL minds a living process of its own user only.
      const { uid, gid } = await stat(directory);
      const another = spawn('sleep', ['60'], { uid, gid, stdio: 'ignore' });
      try {
        const file = path.join(directory, 'data', 'postmaster.pid');
        const text = await readFile(file, 'utf8');
        await writeFile(file, text.replace(/^\d+/, String(another.pid)));
        expect(await query(await start(), `SELECT * FROM ${table}`)).to.deep.equal([]);
        expect(alive(another.pid as number), 'the other process').to.equal(true);
      } finally {
        another.kill();
      }
    });

    it('is refused to a second service on the same directory, and the first goes on', async () => {
      const url = await start();
      const second = await startEmbeddedPostgres({ dataDir }).catch(
        (error: Error) => error.message,
      );
      expect(second).to.contain(`is in use: process ${postgres?.pid}`);
      expect(await query(url, 'SELECT 1 AS one')).to.deep.equal([{ one: 1 }]);
    });

    it('starts a server again that ended by itself, where it was', async () => {
      const url = await start();
      const table = await newTable(url);
      const killed = postmaster() as number;
      process.kill(killed, 'SIGKILL');
      await eventually(
        'another server answers at the same address',
        async () =>
          (await query(url, `SELECT * FROM ${table}`)).length === 0 && postmaster() !== killed,
        15_000,
      );
    });

    it('tells when its keeper has ended', async () => {
      await start();
      process.kill(postgres?.pid as number, 'SIGKILL');
      expect(await postgres?.exited).to.deep.equal({ code: null, signal: 'SIGKILL' });
      await eventually('the server has ended too', () => postmaster() === undefined, 10_000);
    });
  });
});

async function query(url: string, statement: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 5_000 });
  client.on('error', () => {});
  try {
    await client.connect();
    return (await client.query<Record<string, unknown>>(statement)).rows;
  } finally {
    await client.end();
  }
}

async function setting(url: string, name: string): Promise<unknown> {
  return (await query(url, `SELECT current_setting('${name}') AS value`))[0]?.value;
}

async function openToOthers(file: string): Promise<boolean> {
  const parent = path.dirname(file);
  if (parent === file) return true;
  return ((await stat(parent)).mode & 0o001) !== 0 && (await openToOthers(parent));
}

/** Neither gone nor a zombie that nobody has waited for. */
function alive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    const state = stateOf(pid);
    return state !== 'Z';
  } catch {
    return false;
  }
}

const statFields = (pid: number): string[] =>
  readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /s, '')
    .split(' ');

function stateOf(pid: number): string | undefined {
  return process.platform === 'linux' ? statFields(pid)[0] : undefined;
}

function processGroup(pid: number): string | undefined {
  return process.platform === 'linux' ? statFields(pid)[2] : String(pid);
}
