import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { isRunning, type Owner, ownSelf } from '../../embedded/owner.ts';
import { readConfig } from '../../src/config.ts';
import { findService } from '../../src/servers.ts';

const urls = { eventStoreUrl: 'esdb://127.0.0.1:1', postgresUrl: 'postgres://127.0.0.1:2' };

/** The parent of this process, which runs, as it would have written itself down. */
function parent(): Owner {
  const stat = readFileSync(`/proc/${process.ppid}/stat`, 'utf8');
  const ticks = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
  return { pid: process.ppid, started: `${ownSelf().started.split('/')[0]}/${ticks}` };
}

describe('the running service of a DATA_DIR', () => {
  let dataDir: string;
  beforeEach(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'reprise-find-'));
  });
  afterEach(() => rm(dataDir, { recursive: true }));

  const found = async (written: string) => {
    await writeFile(join(dataDir, 'service.json'), written);
    return findService(readConfig({ DATA_DIR: dataDir }));
  };

  it('is found while it runs', async function () {
    if (process.platform !== 'linux') return this.skip();
    const service = { ...parent(), ...urls };
    expect(isRunning(service)).to.equal(true);
    expect(await found(JSON.stringify(service))).to.deep.equal(service);
  });

  it('was killed, and its process id is this process’s, as in a container that starts again', async () => {
    expect(await found(JSON.stringify({ ...ownSelf(), ...urls }))).to.equal(undefined);
  });

  it('was killed, and its process id is another program’s', async function () {
    if (process.platform !== 'linux') return this.skip();
    const { pid, started } = parent();
    const killed = { pid, started: `${started}0`, ...urls };
    expect(await found(JSON.stringify(killed))).to.equal(undefined);
  });

  it('was killed while it wrote the file', async () => {
    expect(await found('{"pid":1')).to.equal(undefined);
  });
});
