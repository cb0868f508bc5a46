import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { Starts } from '../../src/metrics/starts.ts';

describe('the starts of a service', () => {
  let dataDir: string;
  beforeEach(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'reprise-starts-'));
  });
  afterEach(() => rm(dataDir, { recursive: true, force: true }));

  const path = () => join(dataDir, 'status', 'starts.json');

  it('are expected where nothing ran before, and after a stop', async () => {
    const first = await Starts.begin(dataDir);
    expect(first.unexpected).to.equal(0);
    await first.stopped();
    expect((await Starts.begin(dataDir)).unexpected).to.equal(0);
  });

  it('are unexpected after a process that ended without a stop: each of them counts', async () => {
    await Starts.begin(dataDir);
    expect((await Starts.begin(dataDir)).unexpected).to.equal(1);
    const third = await Starts.begin(dataDir);
    expect(third.unexpected).to.equal(2);
    await third.stopped();
    expect((await Starts.begin(dataDir)).unexpected, 'a stop makes none undone').to.equal(2);
  });

  it('count for ten minutes', async () => {
    await Starts.begin(dataDir);
    const minutesAgo = (minutes: number) => new Date(Date.now() - minutes * 60_000).toISOString();
    const unexpected = [minutesAgo(11), minutesAgo(9)];
    await writeFile(path(), JSON.stringify({ runs: false, unexpected }));
    expect((await Starts.begin(dataDir)).unexpected).to.equal(1);
    expect(await readFile(path(), 'utf8'), 'the older one is dropped').not.to.include(
      unexpected[0],
    );
  });

  it('are at most a hundred', async () => {
    await Starts.begin(dataDir);
    const unexpected = new Array(5_000).fill(new Date().toISOString());
    await writeFile(path(), JSON.stringify({ runs: true, unexpected }));
    expect((await Starts.begin(dataDir)).unexpected).to.equal(100);
  });

  it('begin anew where the file is damaged', async () => {
    await Starts.begin(dataDir);
    await writeFile(path(), '{"runs":tr');
    expect((await Starts.begin(dataDir)).unexpected).to.equal(0);
  });
});
