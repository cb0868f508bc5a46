import { fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { type Child, startChild } from '../../embedded/child.ts';

const fixture = new URL('./child-fixture.ts', import.meta.url);

async function failure(work: Promise<unknown>): Promise<string> {
  const error = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).to.be.instanceOf(Error);
  return (error as Error).message;
}

describe('a child process', () => {
  let child: Child | undefined;

  const ready = async (): Promise<Child> => {
    child = await startChild(fixture, ['ready', 'here'], { timeoutMs: 15_000 });
    return child;
  };

  afterEach(() => child?.kill());

  it('is handed over when it is ready, and stops in order', async () => {
    const { url, stop, exited } = await ready();
    expect(url).to.equal('test://here');
    await Promise.all([stop(), stop()]);
    expect(await exited).to.deep.equal({ code: 0, signal: null });
  });

  it('is killed when asked for', async () => {
    const { kill, exited } = await ready();
    await kill();
    expect(await exited).to.deep.equal({ code: null, signal: 'SIGKILL' });
  });

  it('answers messages', async () => {
    const { send, nextMessage } = await ready();
    const answer = nextMessage();
    await send({ n: 1 });
    expect(await answer).to.deep.equal({ echo: { n: 1 } });
  });

  it("ignores a terminal's Ctrl-C and hang-up, and still stops when ordered to", async () => {
    const { pid, send, nextMessage, stop, exited } = await ready();
    process.kill(pid, 'SIGINT');
    process.kill(pid, 'SIGHUP');
    const answer = nextMessage();
    await send({});
    expect(await answer).to.deep.equal({ echo: {} });
    await stop();
    expect(await exited).to.deep.equal({ code: 0, signal: null });
  });

  it('started by hand says where it listens, and stops on Ctrl-C', async () => {
    const args = [...process.execArgv, fileURLToPath(fixture), 'ready', 'here'];
    const alone = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'pipe'] });
    const [said] = (await once(alone.stderr, 'data')) as [Buffer];
    expect(String(said)).to.equal('listening on test://here\n');
    alone.kill('SIGINT');
    expect(await once(alone, 'exit')).to.deep.equal([0, null]);
  });

  it('ends when its parent was gone before it was loaded', async () => {
    const orphan = fork(fileURLToPath(fixture), ['ready', 'here'], { stdio: 'ignore' });
    const ended = once(orphan, 'exit');
    orphan.disconnect();
    try {
      const late = delay(15_000, ['still running'], { ref: false });
      expect(await Promise.race([ended, late])).to.deep.equal([0, null]);
    } finally {
      orphan.kill('SIGKILL');
    }
  });

  it('that fails says why', async () => {
    const start = startChild(fixture, ['failed'], { timeoutMs: 15_000 });
    expect(await failure(start)).to.contain('the disk is full');
  });

  it('that ends before it is ready is a failure', async () => {
    const start = startChild(fixture, ['ended'], { timeoutMs: 15_000 });
    expect(await failure(start)).to.contain('ended with 7');
  });

  it('that stays silent is a failure, and is gone', async () => {
    const directory = await mkdtemp(path.join(tmpdir(), 'reprise-child-'));
    try {
      const pidFile = path.join(directory, 'pid');
      const start = startChild(fixture, ['silent', pidFile], { timeoutMs: 3_000 });
      expect(await failure(start)).to.contain('not ready within 3000 ms');
      const pid = Number(await readFile(pidFile, 'utf8'));
      expect(() => process.kill(pid, 0)).to.throw('ESRCH');
    } finally {
      await rm(directory, { recursive: true });
    }
  });
});
