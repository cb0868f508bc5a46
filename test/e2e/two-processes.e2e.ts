import { type ChildProcess, spawn } from 'node:child_process';
import { readdir, readFile, readlink } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { startEmbeddedPostgres } from '../../embedded/postgres/start.ts';
import { canLiveElsewhere, elsewhere } from '../embedded/support/namespaces.ts';
import { eventually } from '../support/eventually.ts';
import { Service } from './support/service.ts';

const absolute = (name: string): string => fileURLToPath(new URL(`../../${name}`, import.meta.url));
const typescript = ['--import', import.meta.resolve('tsx')];

/** Runs a program to its end, or for 60 s, where it is refused. */
async function refused(wrap: (...command: string[]) => string[], args: string[], env = {}) {
  const [program = '', ...rest] = wrap(process.execPath, ...args);
  const child = spawn(program, rest, {
    env: { ...process.env, PORT: '0', DEMO: 'off', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk) => {
      said += chunk;
    });
  }
  const timer = setTimeout(() => child.kill('SIGKILL'), 60_000);
  const code = await new Promise((resolve) => child.once('close', resolve));
  clearTimeout(timer);
  return { code, said };
}

const here = (...command: string[]): string[] => command;

describe('two processes on one data directory', function () {
  this.timeout(180_000);
  let service: Service;
  before(async () => {
    service = await Service.start({ EVENTSTORE_URL: '', POSTGRES_URL: '' });
  });
  after(() => service?.remove());

  const data = (...names: string[]): string => join(service.dataDir, ...names);
  /** What the running one has written of itself, and which files there are. */
  const traces = async () => ({
    postmaster: await readFile(data('postgres', 'data', 'postmaster.pid'), 'utf8'),
    urls: await readFile(data('service.json'), 'utf8'),
    locks: await Promise.all(
      ['service.lock', 'eventstore/owner.lock', 'postgres/keeper.lock'].map((name) =>
        readFile(data(name), 'utf8'),
      ),
    ),
    files: [
      ...(await readdir(service.dataDir)),
      ...(await readdir(data('postgres'))),
      ...(await readdir(data('eventstore'))),
    ],
  });
  const starts = {
    'a service': () => [absolute('bin/reprise.js'), 'serve'],
    'an event store': () => [
      ...typescript,
      absolute('embedded/eventstore/main.ts'),
      ...['--port', '0', '--data', data('eventstore')],
    ],
    'a keeper of PostgreSQL': () => [
      ...typescript,
      absolute('embedded/postgres/keeper.ts'),
      data('postgres'),
    ],
  };
  const refusals = {
    'a service': /a service \(process \d+ on \S+\) uses \S+ already: stop it, or set another/,
    'an event store': /is in use: process \d+ on \S+ has it open\. Stop that one, or choose/,
    'a keeper of PostgreSQL': /is in use: process \d+ on \S+ keeps PostgreSQL there\. Stop that/,
  };
  let charges = 0;

  /** Every one of them is refused in words, and the first notices nothing. */
  async function refuseAll(wrap: (...command: string[]) => string[]): Promise<void> {
    const before = await traces();
    await Promise.all(
      Object.entries(starts).map(async ([what, args]) => {
        const env = { DATA_DIR: service.dataDir, EVENTSTORE_URL: '', POSTGRES_URL: '' };
        const { code, said } = await refused(wrap, args(), env);
        expect(said, what).to.match(refusals[what as keyof typeof refusals]);
        expect(code, what).to.equal(1);
      }),
    );
    expect(await traces()).to.deep.equal(before);
  }

  async function sells(): Promise<void> {
    charges += 1;
    expect((await service.charge('buyer', 1_000, `charge-${charges}`)).status).to.equal(200);
    const balance = await eventually('it is read', () => service.balance('buyer'));
    expect(balance.balance).to.equal(charges * 1_000);
  }

  it('in name spaces of its own the second is refused, and the first notices nothing', async function () {
    if (!canLiveElsewhere()) this.skip();
    await sells();
    await refuseAll(elsewhere);
    await sells();
  });

  it('while the first is stopped the second is refused; killed, it is followed at once', async () => {
    const { pid } = service;
    process.kill(pid, 'SIGSTOP');
    await refuseAll(here);
    process.kill(pid, 'SIGCONT');
    await sells();
    await service.kill();
    await service.start();
    await sells();
  });

  it('a PostgreSQL that lives on where nobody can see it is not written over, and followed when it ends', async function () {
    if (!canLiveElsewhere()) this.skip();
    await service.stop();
    const directory = data('postgres');
    const [program = '', ...args] = elsewhere(
      ...['sh', '-c', '"$@" & exec sleep 600', 'sh', process.execPath],
      ...starts['a keeper of PostgreSQL'](),
    );
    const container = spawn(program, args, { stdio: ['ignore', 'ignore', 'pipe'] });
    try {
      await listening(container);
      const [server] = await processesWith(`reprise.data=${directory}`);
      const [keeper] = await processesWith(`postgres/keeper.ts\0${directory}`);
      process.kill(server as number, 'SIGSTOP');
      process.kill(keeper as number, 'SIGKILL');
      const before = await readFile(join(directory, 'data', 'postmaster.pid'), 'utf8');
      const start = () => startEmbeddedPostgres({ dataDir: service.dataDir });
      const refusal = await start().then(
        () => 'it started',
        (error: Error) => error.message,
      );
      expect(refusal).to.match(/goes on .*another container.* cannot be stopped from here/s);
      expect(await readFile(join(directory, 'data', 'postmaster.pid'), 'utf8')).to.equal(before);
      process.kill(server as number, 'SIGKILL');
      await (await start()).stop();
    } finally {
      container.kill('SIGKILL');
    }
  });
});

function listening(child: ChildProcess): Promise<void> {
  let said = '';
  return new Promise((resolve, reject) => {
    child.stderr?.on('data', (chunk) => {
      said += chunk;
      if (said.includes('listening on')) resolve();
    });
    child.once('exit', () => reject(new Error(said)));
  });
}

/**
 * Ids, as they are here, of the processes with this in their command lines; the parent of them
 * first.
 */
async function processesWith(text: string): Promise<number[]> {
  const ids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number);
  const found = await Promise.all(
    ids.map(async (id) => {
      const line = await readFile(`/proc/${id}/cmdline`, 'utf8').catch(() => '');
      const program = await readlink(`/proc/${id}/exe`).catch(() => '');
      return line.includes(text) && !/unshare|sleep|sh$/.test(program) ? id : undefined;
    }),
  );
  return found.filter((id) => id !== undefined).sort((a, b) => a - b);
}
