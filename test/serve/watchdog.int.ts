import { type ChildProcess, spawn } from 'node:child_process';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { eventually } from '../support/eventually.ts';

const program = fileURLToPath(new URL('support/watched-process.ts', import.meta.url));

/** How long the event loop may stand still here, in milliseconds. */
const hangMs = 4_000;
/** Looks are 100 ms apart where it may stand still for 1 s. In milliseconds. */
const [lateMs, stopMs, goOnMs] = [250, 350, 40];

describe('the watchdog of the event loop', function () {
  this.timeout(90_000);
  let child: ChildProcess;
  let output: string;
  afterEach(() => child.kill('SIGKILL'));

  const start = (what: string, times = [hangMs]): void => {
    output = '';
    const args = ['--expose-gc', '--import', 'tsx', program, what, ...times.map(String)];
    child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    for (const stream of [child.stdout, child.stderr]) {
      stream?.on('data', (chunk) => {
        output += chunk;
      });
    }
  };
  const lines = () => output.split('alive\n').length - 1;
  const hasEnded = () => child.exitCode !== null || child.signalCode !== null;
  const alive = (count: number) => {
    const from = lines();
    return eventually('it goes on', () => hasEnded() || lines() >= from + count, 30_000);
  };

  for (const how of ['blocks', 'waits']) {
    it(`ends a process that ${how} for good, with a line that says why`, async () => {
      start(how);
      await alive(3);
      await eventually('it ended', hasEnded, 30_000);
      expect([child.signalCode, child.exitCode]).to.deep.equal(['SIGKILL', null]);
      const [line = ''] = /^\{.*\}$/m.exec(output) ?? [];
      const { msg, ...rest } = JSON.parse(line);
      expect(msg).to.include('stood still for 4 s');
      expect(rest).to.deep.equal({ level: 60, instance: 'one' });
    });
  }

  it('leaves one alone that pauses for less', async () => {
    start('pauses');
    await alive(50);
    expect(hasEnded(), output).to.equal(false);
  });

  it('leaves one alone that collects much garbage', async () => {
    start('collects');
    await eventually('it is done', () => hasEnded() || output.includes('went on'), 60_000);
    await alive(50);
    expect(hasEnded(), output).to.equal(false);
  });

  it('leaves one alone that is debugged', async () => {
    start('isDebugged');
    await eventually('it went on', () => hasEnded() || output.includes('went on'), 60_000);
    expect(hasEnded(), output).to.equal(false);
  });

  it('leaves one alone that was stopped for longer, and goes on', async () => {
    start('idles');
    await alive(3);
    const from = Date.now();
    child.kill('SIGSTOP');
    await eventually('long enough', () => Date.now() - from > 2 * hangMs, 30_000);
    child.kill('SIGCONT');
    await alive(60);
    expect(hasEnded(), output).to.equal(false);
  });

  /** Stops the process again and again: between two stops there is time for one look. */
  const stopAgainAndAgain = async (stops: number): Promise<void> => {
    for (let n = 0; n < stops && !hasEnded(); n += 1) {
      child.kill('SIGSTOP');
      await delay(stopMs);
      child.kill('SIGCONT');
      await delay(goOnMs);
    }
  };

  it('knows nothing of an event loop whose process is stopped again and again', async () => {
    start('blocks', [1_000, lateMs]);
    await alive(3);
    await stopAgainAndAgain(25);
    expect(hasEnded(), output).to.equal(false);
    // Left to run, it hangs as before.
    await eventually('it ended', hasEnded, 30_000);
    expect(child.signalCode).to.equal('SIGKILL');
  });

  it('takes looks that come late for looks, without the bound of lateness', async () => {
    start('blocks', [1_000, Number.MAX_SAFE_INTEGER]);
    await alive(3);
    await stopAgainAndAgain(100);
    expect([hasEnded(), child.signalCode]).to.deep.equal([true, 'SIGKILL']);
  });

  it('keeps no process from its end', async () => {
    start('ends');
    await eventually('it ended', hasEnded, 30_000);
    expect(child.exitCode, output).to.equal(0);
  });
});
