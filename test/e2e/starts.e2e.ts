import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { eventually } from '../support/eventually.ts';
import { serviceEnvironment } from './support/environment.ts';

/** Services that start at the same moment; `STARTS` starts more. */
const starts = Number(process.env.STARTS ?? 5);
/** Each start may take this long beside the others, in milliseconds. */
const startMsMax = 5_000;

const waitMsMax = 60_000 + starts * startMsMax;

const reprise = fileURLToPath(new URL('../../bin/reprise.js', import.meta.url));

interface Started {
  readonly child: ChildProcess;
  said: string;
  refused: string;
}

describe(`${starts} services start at the same moment on one data directory`, function () {
  this.timeout(3 * waitMsMax);
  let dataDir: string;
  const services: Started[] = [];
  before(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'reprise-starts-'));
  });
  after(async () => {
    for (const { child } of services) if (!hasEnded(child)) child.kill('SIGKILL');
    await rm(dataDir, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
  });

  it('one runs, and each other says in one sentence which process has the directory', async () => {
    for (let n = 0; n < starts; n++) services.push(start(dataDir));
    const ended = () => services.filter(({ child }) => hasEnded(child));
    await eventually('all but one have ended', () => ended().length >= starts - 1, waitMsMax);
    const [running, ...more] = services.filter(({ child }) => !hasEnded(child));
    if (running === undefined) throw new Error(`none runs: ${services[0]?.refused}`);
    expect(more).to.deep.equal([]);
    await eventually('it is ready', () => /API\s+http:/.test(running.said), waitMsMax);
    for (const { child, refused } of ended()) {
      expect(child.exitCode, refused).to.equal(1);
      const owner = new RegExp(`a service \\(process ${running.child.pid} on \\S+\\) uses`);
      expect(refused).to.match(owner);
      expect(refused.trim().split('\n'), refused).to.have.lengthOf(1);
    }
    const gone = new Promise((resolve) => running.child.once('exit', resolve));
    running.child.kill('SIGTERM');
    expect(await gone).to.equal(0);
  });
});

function start(dataDir: string): Started {
  const env = { PORT: '0', ADMIN_PORT: '0', DATA_DIR: dataDir, DEMO: 'off', LOG_LEVEL: 'warn' };
  const child = spawn(process.execPath, [reprise, 'serve'], {
    env: serviceEnvironment(env),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const started: Started = { child, said: '', refused: '' };
  child.stdout?.on('data', (chunk) => {
    started.said += chunk;
  });
  child.stderr?.on('data', (chunk) => {
    started.refused += chunk;
  });
  return started;
}

function hasEnded(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null;
}
