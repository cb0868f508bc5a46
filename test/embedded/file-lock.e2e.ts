import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { hostname, tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { LockHeld, lockFile, lockHolder } from '../../embedded/file-lock.ts';
import { claimDataDir } from '../../src/servers/service-file.ts';
import { eventually } from '../support/eventually.ts';
import { canLiveElsewhere, elsewhere } from './support/namespaces.ts';

describe('a lock that the kernel holds', function () {
  this.timeout(60_000);
  const script = fileURLToPath(new URL('./support/lock-process.mjs', import.meta.url));
  const modules = fileURLToPath(new URL('../../node_modules', import.meta.url));
  let directory: string;
  /** file-lock.ts as JavaScript: a hundred processes start without a compiler each. */
  let module: string;
  let file: string;
  const running = new Set<ChildProcess>();

  before(async () => {
    directory = await mkdtemp(path.join(tmpdir(), 'reprise-lock-'));
    module = path.join(directory, 'file-lock.mjs');
    const { transformSync } = createRequire(createRequire(import.meta.url).resolve('tsx'))(
      'esbuild',
    );
    const source = new URL('../../embedded/file-lock.ts', import.meta.url);
    const options = { loader: 'ts', format: 'esm', target: 'node20' };
    await writeFile(module, transformSync(await readFile(source, 'utf8'), options).code);
  });
  let count = 0;
  beforeEach(async () => {
    // Longer than what a socket's name may be.
    const place = path.join(directory, `${count++}`, 'long'.repeat(40));
    await mkdir(place, { recursive: true });
    file = path.join(place, 'owner.lock');
  });
  afterEach(async () => {
    for (const child of running) child.kill('SIGKILL');
    await eventually('all are gone', () => running.size === 0);
  });
  after(() => rm(directory, { recursive: true }));

  /**
   * A process that takes the lock once its standard input ends. `said` is all that it says of it.
   */
  function startOne(wrap: (...command: string[]) => string[], order: string, times = 1) {
    const command = [process.execPath, script, module, order, file, String(times)];
    const [program = '', ...args] = wrap(...command);
    const child = spawn(program, args, {
      env: { ...process.env, NODE_PATH: modules },
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    running.add(child);
    child.once('close', () => running.delete(child));
    let text = '';
    const said = new Promise<string>((resolve) => {
      child.stdout.on('data', (chunk) => {
        text += chunk;
        if (text.endsWith('\n')) resolve(text.trim());
      });
      child.once('close', () => resolve(text.trim()));
    });
    return { child, said };
  }
  const here = (...command: string[]): string[] => command;
  /** Starts one, and says what came of it. */
  async function take(wrap = here) {
    const { child, said } = startOne(wrap, 'take');
    child.stdin.end();
    return { child, said: await said };
  }
  async function kill(child: ChildProcess): Promise<void> {
    child.kill('SIGKILL');
    await once(child, 'close');
  }

  it('of a hundred that start at the same moment one has it, and ninety-nine say which', async () => {
    // On what a killed one left behind.
    await writeFile(file, JSON.stringify({ pid: process.ppid, host: hostname() }));
    const all = Array.from({ length: 20 }, () => startOne(here, 'take', 5));
    await delay(1_000);
    for (const { child } of all) child.stdin.end();
    const said = (await Promise.all(all.map((one) => one.said))).flatMap((text) =>
      text.split('\n'),
    );
    const winners = said.filter((line) => line.startsWith('mine '));
    expect(winners).to.have.length(1);
    const refusal = `LockHeld: process ${winners[0]?.slice('mine '.length)} on ${hostname()}`;
    expect(said.filter((line) => line === refusal)).to.have.length(99);
  });

  it('is free at once after a kill -9, and not while its owner is stopped', async () => {
    for (let round = 0; round < 5; round++) {
      const owner = await take();
      expect(owner.said).to.match(/^mine /);
      owner.child.kill('SIGSTOP');
      expect(() => lockFile(file)).to.throw(LockHeld, `process ${owner.child.pid} on`);
      expect(lockHolder(file)).to.equal(`process ${owner.child.pid} on ${hostname()}`);
      await kill(owner.child);
      expect(lockHolder(file)).to.equal(undefined);
      lockFile(file).release();
    }
  });

  it('is one for all name spaces, where every process is number one', async function () {
    if (!canLiveElsewhere()) this.skip();
    const first = await take(elsewhere);
    expect(first.said).to.equal('mine 1');
    for (const wrap of [elsewhere, here]) {
      expect((await take(wrap)).said).to.equal(`LockHeld: process 1 on ${hostname()}`);
    }
    await kill(first.child);
    const again = await take(elsewhere);
    expect(again.said, 'the same process id again').to.equal('mine 1');
    await kill(again.child);
    const own = lockFile(file);
    expect((await take(elsewhere)).said).to.match(/^LockHeld: process \d+ on /);
    own.release();
    expect((await take(elsewhere)).said).to.equal('mine 1');
  });

  it('is a child’s too that was given it, and free when the last of them is gone', async () => {
    const lock = lockFile(file);
    const child = spawn('sleep', ['60'], { stdio: ['ignore', 'ignore', 'ignore', lock.fd] });
    running.add(child);
    child.once('close', () => running.delete(child));
    lock.release();
    expect(lockHolder(file)).to.be.a('string');
    await kill(child);
    expect(lockHolder(file)).to.equal(undefined);
  });

  it('is not taken for another service’s while commands ask whether there is one', async () => {
    const dataDir = path.dirname(file);
    file = path.join(dataDir, 'service.lock');
    await writeFile(file, '');
    const asking = startOne(here, 'ask');
    expect(await asking.said).to.equal('asking');
    for (let round = 0; round < 200; round++) await (await claimDataDir(dataDir)).release();
  });

  it('that was removed is not what a new one is refused for, nor taken by two', async () => {
    const lost = lockFile(file);
    await rm(file);
    const lock = lockFile(file);
    expect(() => lockFile(file)).to.throw(LockHeld);
    lost.release();
    expect(() => lockFile(file)).to.throw(LockHeld);
    lock.release();
    lockFile(file).release();
  });
});
