import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { expect } from 'chai';
import { CpuMeter } from '../../load/cpu.ts';
import { eventually } from '../support/eventually.ts';

/** Takes `ms` of processor time, says so, and waits to be ended. */
const burn = (ms: number): string =>
  `while (process.cpuUsage().user < ${ms} * 1000); console.log('burnt'); setInterval(() => {}, 1e6)`;

describe('the processor meter', () => {
  const children: ChildProcess[] = [];

  before(function () {
    if (!existsSync('/proc/self/stat')) this.skip();
  });
  after(async () => {
    for (const child of children) {
      if (child.exitCode === null && child.signalCode === null) {
        child.kill('SIGTERM');
        await once(child, 'exit');
      }
    }
  });

  const start = (source: string, ...args: string[]): ChildProcess => {
    const child = spawn(process.execPath, ['-e', source, ...args], { stdio: 'pipe' });
    children.push(child);
    return child;
  };
  const printed = async (child: ChildProcess): Promise<void> => {
    let out = '';
    child.stdout?.on('data', (bytes) => {
      out += bytes;
    });
    await eventually('it printed', () => out.includes('burnt'), 15_000);
  };

  it('tells the load generator, the service and the servers behind it apart', async () => {
    // The service burns nothing; a child of its own, which looks like the event store by its
    // command line, does.
    const child = `const c = require('child_process').spawn(process.execPath,
      ['-e', ${JSON.stringify(burn(500))}, 'eventstore/main.ts'], { stdio: ['pipe', 'inherit', 'inherit'] });
      process.on('SIGTERM', () => { c.kill('SIGKILL'); process.exit(); });`;
    const service = start(child);
    const k6 = start(burn(500));
    const meter = await CpuMeter.start(service.pid as number, k6.pid as number);
    await Promise.all([printed(service), printed(k6)]);
    const seconds = await meter?.stop();
    expect(seconds?.k6).to.be.greaterThan(0.3);
    expect(seconds?.eventStore).to.be.greaterThan(0.3);
    expect(seconds?.postgres).to.equal(0);
    expect(seconds?.api).to.be.lessThan(seconds?.eventStore as number);
  });
});
