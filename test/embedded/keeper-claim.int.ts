import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect } from 'chai';
import { claimDirectory } from '../../embedded/postgres-leftovers.ts';

describe('the claim on a directory of PostgreSQL', function () {
  this.timeout(30_000);
  let directory: string;
  let other: ChildProcess;
  /** A process that looks like a keeper of the directory. */
  beforeEach(async () => {
    directory = await mkdtemp(path.join(tmpdir(), 'reprise-claim-'));
    const forEver = 'setInterval(() => {}, 60_000)';
    other = spawn(process.execPath, ['-e', forEver, 'postgres-keeper', directory]);
  });
  afterEach(async () => {
    other.kill('SIGKILL');
    await rm(directory, { recursive: true });
  });

  const file = () => path.join(directory, 'keeper.pid');

  it('is taken over when the process id of a killed keeper belongs to another one, as in containers', async function () {
    if (process.platform !== 'linux') return this.skip();
    await writeFile(file(), `${other.pid}\nanother boot/1\n`);
    const release = await claimDirectory(directory);
    expect(Number.parseInt(await readFile(file(), 'utf8'), 10)).to.equal(process.pid);
    await release();
  });
});
