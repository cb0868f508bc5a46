import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { claimDataDir, findService, type ServicePlace } from '../../src/servers/service-file.ts';

const urls = { eventStoreUrl: 'esdb://127.0.0.1:1', postgresUrl: 'postgres://127.0.0.1:2' };

describe('the running service of a DATA_DIR', () => {
  let dataDir: string;
  let place: ServicePlace | undefined;
  beforeEach(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'reprise-find-'));
  });
  afterEach(async () => {
    await place?.release();
    await rm(dataDir, { recursive: true });
  });

  const refusal = async (work: () => unknown): Promise<string> => {
    try {
      await work();
    } catch (error) {
      return (error as Error).message;
    }
    return '';
  };

  it('is found while it runs, with who it is, and its file is for its owner alone', async () => {
    expect(findService(dataDir)).to.equal(undefined);
    place = await claimDataDir(dataDir);
    await place.publish(urls);
    const found = findService(dataDir);
    expect(found).to.deep.include(urls);
    expect(found?.holder).to.match(new RegExp(`^process ${process.pid} on \\S+$`));
    expect((await stat(join(dataDir, 'service.json'))).mode & 0o777).to.equal(0o600);
    await place.release();
    expect(findService(dataDir)).to.equal(undefined);
  });

  it('is not found by what a killed one left', async () => {
    await writeFile(join(dataDir, 'service.json'), JSON.stringify({ pid: process.ppid, ...urls }));
    await writeFile(join(dataDir, 'service.lock'), JSON.stringify({ pid: process.ppid, host: '' }));
    expect(findService(dataDir)).to.equal(undefined);
  });

  it('that starts has not the addresses of one that was killed', async () => {
    await writeFile(join(dataDir, 'service.json'), JSON.stringify(urls));
    place = await claimDataDir(dataDir);
    expect(await refusal(() => findService(dataDir))).to.match(
      /^a service \(process \d+ on \S+\) is starting or stopping in .*: try again in a moment$/,
    );
  });

  it('is the only one: a second is refused, and the first one’s file is as it was', async () => {
    place = await claimDataDir(dataDir);
    await place.publish(urls);
    expect(await refusal(() => claimDataDir(dataDir))).to.match(
      /^a service \(process \d+ on \S+\) uses .* already: stop it, or set another DATA_DIR$/,
    );
    expect(JSON.parse(await readFile(join(dataDir, 'service.json'), 'utf8'))).to.deep.equal(urls);
  });
});
