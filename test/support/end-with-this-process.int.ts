import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { access, mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect } from 'chai';
import { eventually } from './eventually.ts';

const fixture = `
import { spawn } from 'node:child_process';
import { endWithThisProcess } from ${JSON.stringify(new URL('../../src/drill/cluster/end-with-this-process.ts', import.meta.url).href)};
const { pid } = spawn('sleep', ['60']);
endWithThisProcess(pid, process.env.OWN_DIRECTORY);
console.log(pid);
`;

describe('a process that ends with this one', () => {
  it('ends, and its directory is removed, when this one is killed', async () => {
    const above = await mkdtemp(path.join(tmpdir(), 'reprise-nodes-'));
    const own = await mkdtemp(path.join(above, 'node-'));
    await writeFile(path.join(own, 'some'), 'data');
    const parent = spawn(
      process.execPath,
      ['--import', 'tsx', '--input-type', 'module', '--eval', fixture],
      { env: { ...process.env, OWN_DIRECTORY: own }, stdio: ['ignore', 'pipe', 'inherit'] },
    );
    const [line] = await once(parent.stdout, 'data');
    const pid = Number(line);
    expect(lives(pid)).to.equal(true);
    parent.kill('SIGKILL');
    await eventually('the process ends', () => !lives(pid));
    const isGone = () =>
      access(above).then(
        () => false,
        () => true,
      );
    await eventually('its directory is removed', isGone);
  });
});

function lives(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
